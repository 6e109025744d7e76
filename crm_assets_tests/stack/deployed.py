"""Helpers for tests on a running stack: start runs through its queue, follow them, read its bucket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import psutil
import requests
from dagster_graphql import DagsterGraphQLClient

from crm_assets.defs.automation.jobs import EVERYTHING
from crm_assets.defs.partitions import RANGE_TAGS
from dev.stack.place import HOST
from dev.stack.stack import Stack
from dev.waiting import wait_until

RUN = """query Run($id: ID!) { runOrError(runId: $id) { ... on Run {
    status
    assetMaterializations { assetKey { path } }
} } }"""
RETRIES = """query Retries($root: String!) {
    runsOrError(filter: {tags: [{key: "dagster/root_run_id", value: $root}]}) {
        ... on Runs { results { runId status } }
    }
}"""
FAILURES = """query Failures($id: ID!) { runOrError(runId: $id) { ... on Run { eventConnection { events {
    __typename ... on ExecutionStepFailureEvent { error { message causes { message } } }
} } } } }"""
MESSAGES = """query Messages($id: ID!) { runOrError(runId: $id) { ... on Run { eventConnection { events {
    ... on LogMessageEvent { message }
} } } } }"""
# What changes while one run makes progress, and while any run does.
LIFE = """query Life($id: ID!) { runOrError(runId: $id) { ... on Run {
    status
    eventConnection(limit: 100000) { cursor }
} } }"""
ALL = """{ runsOrError(limit: 20) { ... on Runs { results {
    runId status eventConnection(limit: 100000) { cursor }
} } } }"""
OVER = {"SUCCESS", "FAILURE", "CANCELED"}


@dataclass(frozen=True)
class Deployed:
    """A running stack and the months that its runs cover."""

    stack: Stack
    first: str
    last: str

    @property
    def client(self) -> DagsterGraphQLClient:
        """A client of the webserver."""
        return DagsterGraphQLClient(HOST, port_number=self.stack.place.ports["WEBSERVER_PORT"])

    def submit(self, *assets: str) -> str:
        """Queue a run of some assets, or of all, over all months, and return its id."""
        tags = dict(zip(RANGE_TAGS, (self.first, self.last), strict=True))
        return self.client.submit_job_execution(EVERYTHING, tags=tags, asset_selection=assets or None)

    def ask(self, query: str, **variables: str) -> Any:
        """Return the answer to a GraphQL query; ask again while the webserver or its database is down."""
        address = f"{self.stack.address('webserver')}/graphql"

        def answer() -> Any:
            try:
                said = requests.post(
                    address, json={"query": query, "variables": variables}, timeout=30
                ).json()
            except requests.RequestException:
                return None
            return None if said.get("errors") else said.get("data")

        return wait_until(answer, "an answer of the webserver")

    def run(self, run_id: str) -> dict[str, Any]:
        return self.ask(RUN, id=run_id)["runOrError"]

    def made(self, run_id: str) -> set[str]:
        """Return the assets that a run has materialized so far."""
        return {event["assetKey"]["path"][0] for event in self.run(run_id)["assetMaterializations"]}

    def wait_until(self, condition: Callable[[], Any], run_id: str) -> Any:
        """Wait until the condition returns something true, and return that; fail if the run stands still."""
        return wait_until(condition, f"run {run_id}", lambda: self.ask(LIFE, id=run_id)["runOrError"])

    def status(self, run_id: str) -> str:
        """Wait for the end of a run, and return its status."""
        return self.wait_until(lambda: (now := self.run(run_id)["status"]) in OVER and now, run_id)

    def outcome(self, run_id: str) -> str:
        """Wait for the end of a run and its automatic retries, and return the last status."""

        def last() -> str:
            retries = self.ask(RETRIES, root=run_id)["runsOrError"]["results"]
            all_of_them = [self.run(run_id)["status"], *(one["status"] for one in retries)]
            if "SUCCESS" in all_of_them:
                return "SUCCESS"
            return "FAILURE" if len(all_of_them) == 3 and set(all_of_them) <= OVER else ""

        return wait_until(last, f"the retries of {run_id}", lambda: self.ask(ALL)["runsOrError"])

    def failures(self, run_id: str) -> list[str]:
        """Return the errors of a run's failed steps, including their causes."""
        events = self.ask(FAILURES, id=run_id)["runOrError"]["eventConnection"]["events"]
        errors = [event["error"] for event in events if event.get("error")]
        return [e["message"] + "".join(cause["message"] for cause in e["causes"]) for e in errors]

    def messages(self, run_id: str) -> str:
        """Return what the steps of a run have logged."""
        events = self.ask(MESSAGES, id=run_id)["runOrError"]["eventConnection"]["events"]
        return "\n".join(event["message"] for event in events if event.get("message"))

    def workers(self) -> list[psutil.Process]:
        """Return the processes that execute runs: the code location spawns one per run."""
        family = psutil.Process(self.stack.pid("code")).children(recursive=True)
        return [process for process in family if _is_worker(process)]

    @property
    def s3(self) -> Any:
        """A client of the S3 server, with the rights of the graph."""
        environment = self.stack.environment()
        return boto3.client(
            "s3",
            endpoint_url=self.stack.place.s3_endpoint,
            region_name="us-east-1",
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )

    def contents(self) -> dict[str, bytes]:
        """Return every object in the tables' bucket."""
        client, bucket = self.s3, self.stack.environment()["CRM_S3_BUCKET"]
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        names = [found["Key"] for page in pages for found in page.get("Contents", [])]
        return {name: client.get_object(Bucket=bucket, Key=name)["Body"].read() for name in names}


def _is_worker(process: psutil.Process) -> bool:
    try:
        return any("multiprocessing.spawn" in argument for argument in process.cmdline())
    except psutil.Error:
        return False
