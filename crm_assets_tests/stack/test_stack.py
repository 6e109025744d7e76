"""The deployed stack as native processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from crm_assets.errors import StackError
from dev.stack import supervise
from dev.stack.place import BUCKETS, Place, is_free
from dev.stack.postgres import find_programs
from dev.stack.stack import SERVICES, Stack
from dev.waiting import wait_until

TABLES = BUCKETS["CRM_S3_BUCKET"]
LOCATIONS = "{workspaceOrError{...on Workspace{locationEntries{name locationOrLoadError{__typename}}}}}"


@pytest.fixture
def folder() -> Iterator[Path]:
    if find_programs() is None:
        pytest.skip("PostgreSQL's server is not installed")
    folder = Path(tempfile.mkdtemp(prefix="crm-stack-"))
    yield folder
    shutil.rmtree(folder)


def client(stack: Stack, key: str | None = None, secret: str | None = None) -> Any:
    # Faults of a server that just restarted are temporary; after a refusal there is no retry.
    retries = {"total_max_attempts": 8, "mode": "standard"}
    config = Config(retries=retries, signature_version=None if key else UNSIGNED)
    return boto3.client(
        "s3",
        endpoint_url=stack.place.s3_endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=config,
    )


def graph(stack: Stack) -> Any:
    environment = stack.environment()
    return client(stack, environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])


def mlflow(stack: Stack) -> Any:
    keys = stack.place.secrets
    return client(stack, keys["MLFLOW_S3_ACCESS_KEY_ID"], keys["MLFLOW_S3_SECRET_ACCESS_KEY"])


def test_every_service_becomes_healthy(stack: Stack) -> None:
    assert set(stack.seconds) == set(SERVICES)
    assert {name for name in SERVICES if not stack.healthy(name)} == set()
    assert all(stack.memory(name) > 0 for name in SERVICES)


def test_the_webserver_shows_the_graph(stack: Stack) -> None:
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{stack.address('webserver')}/graphql",
        json.dumps({"query": LOCATIONS}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
        entries = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
    assert [(e["name"], e["locationOrLoadError"]["__typename"]) for e in entries] == [
        ("crm_assets", "RepositoryLocation")
    ]


def test_mlflow_refuses_to_be_asked_under_a_foreign_name(stack: Stack) -> None:
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{stack.address('mlflow')}/api/2.0/mlflow/experiments/get?experiment_id=0",
        headers={"Host": "evil.example"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)  # noqa: S310 - our own server
    assert refused.value.code == 403


@pytest.mark.parametrize("stranger", [client, mlflow], ids=["anonymous", "mlflow"])
def test_who_has_no_right_to_the_tables_gets_nothing(stack: Stack, stranger: Any) -> None:
    graph(stack).put_object(Bucket=TABLES, Key="tables/secret", Body=b"42")
    outsider = stranger(stack)
    attempts = {
        "list": lambda: outsider.list_objects_v2(Bucket=TABLES),
        "get": lambda: outsider.get_object(Bucket=TABLES, Key="tables/secret"),
        "put": lambda: outsider.put_object(Bucket=TABLES, Key="tables/secret", Body=b"43"),
        "delete": lambda: outsider.delete_object(Bucket=TABLES, Key="tables/secret"),
    }
    for attempt in attempts.values():
        with pytest.raises(ClientError) as refused:
            attempt()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert graph(stack).get_object(Bucket=TABLES, Key="tables/secret")["Body"].read() == b"42"
    graph(stack).delete_object(Bucket=TABLES, Key="tables/secret")


def test_the_graph_has_no_right_to_the_artifacts_and_none_to_make_buckets(stack: Stack) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        graph(stack).list_objects_v2(Bucket=BUCKETS["MLFLOW_S3_BUCKET"])
    with pytest.raises(ClientError, match="AccessDenied"):
        graph(stack).create_bucket(Bucket="another")


def test_the_exporter_of_the_stack_reads_postgres_bucket_and_registry(stack: Stack) -> None:
    stack.start_service("metrics")
    try:
        with urllib.request.urlopen(f"{stack.address('metrics')}/metrics", timeout=60) as answer:  # noqa: S310
            text = answer.read().decode()
    finally:
        stack.stop_service("metrics")
    ups = dict(re.findall(r'^crm_exporter_up\{part="(\w+)"\} (\S+)$', text, re.MULTILINE))
    assert ups == {"runs": "1.0", "tables": "1.0", "registry": "1.0"}


def test_a_service_that_is_killed_comes_back(stack: Stack) -> None:
    before = stack.pid("webserver")
    stack.kill("webserver")
    stack.start_service("webserver")
    assert stack.pid("webserver") not in (0, before)


def test_what_stops_leaves_nothing_behind_and_starts_again_where_it_was(folder: Path) -> None:
    stack = Stack.start(folder, services=("code",), settings={"CRM_SOURCE": "sample"})
    ports = dict(stack.place.ports)
    assert set(stack.seconds) == {"postgres", "s3", "code"}
    assert len(supervise.members(stack.place)) >= 4
    graph(stack).put_object(Bucket=TABLES, Key="tables/kept", Body=b"42")

    # After its process manager is killed, only we can stop the services.
    os.kill(int(stack.place.supervisor_pid.read_text()), signal.SIGKILL)
    stack.stop()
    assert supervise.members(stack.place) == []
    assert [port for port in ports.values() if not is_free(port)] == []

    again = Stack.start(folder, services=("s3",), settings={})
    assert again.place.ports == ports

    def kept() -> bytes:
        # The server answers before it has found all its volumes.
        with suppress(ClientError):
            return graph(again).get_object(Bucket=TABLES, Key="tables/kept")["Body"].read()
        return b""

    assert wait_until(kept, "the object of before the stop") == b"42"
    again.stop()
    assert supervise.members(again.place) == []


def test_secrets_are_for_this_user_alone_and_stand_on_no_command_line(stack: Stack) -> None:
    for file in (stack.place.secrets_file, stack.place.s3_config, stack.place.settings_file):
        assert file.stat().st_mode & 0o077 == 0
    lines = [" ".join(process.cmdline()) for process in supervise.members(stack.place)]
    assert [secret for secret in stack.place.secrets.values() if any(secret in line for line in lines)] == []


def test_a_service_that_cannot_start_is_told_with_the_end_of_its_log(folder: Path) -> None:
    stack = Stack.start(folder, services=("postgres",), settings={})
    stack.stop()
    with (stack.place.postgres / "data" / "postgresql.conf").open("a") as file:
        file.write("no_such_parameter = 1\n")
    told = (
        r"service postgres does not become healthy\. The end of .*postgres\.log:\n(.*\n)*.*no_such_parameter"
    )
    with pytest.raises(StackError, match=told):
        Stack.start(folder, services=("postgres",), settings={})
    assert supervise.members(stack.place) == []


def test_a_port_that_another_process_took_is_told(folder: Path) -> None:
    stack = Stack(Place(folder))
    stack.place.prepare()
    port = stack.place.ports["S3_PORT"]
    taken = rf"Another process uses port {port} \(S3_PORT\)"
    with socket.create_server(("127.0.0.1", port)), pytest.raises(StackError, match=taken):
        Stack.start(folder, services=("s3",), settings={})


def test_an_unknown_service_is_told(folder: Path) -> None:
    with pytest.raises(StackError, match="No such service: kafka; there are postgres, s3"):
        Stack.start(folder, services=("kafka",))
