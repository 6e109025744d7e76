"""The first fill of a stack: run the whole graph for all months, and follow it to its end."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import requests
from rich.console import Console

from crm_assets.errors import StackError

JOB = "monthly_win_probability"
# An asset whose partitions are the months of the data.
BY_MONTH = "win_features"
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
OVER = ("SUCCESS", "FAILURE", "CANCELED")
LOOK_S, PATIENCE_S = 1.0, 300.0
WHAT = """{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {
    __typename
    ... on PythonError { message }
    ... on RepositoryLocation { repositories { name jobs { name description } } } } } } }
  assetNodes(assetKeys: [{path: ["%s"]}]) { partitionKeys } }"""
RUN = """query Run($id: ID!, $after: String) { runOrError(runId: $id) { ... on Run {
    status
    eventConnection(afterCursor: $after) { cursor events { __typename
        ... on MaterializationEvent { assetKey { path } partition }
        ... on ExecutionStepFailureEvent { stepKey error { message } }
        ... on RunFailureEvent { error { message } } } } } } }"""


def fill(console: Console, address: str) -> int:
    """Run the whole graph through a stack's webserver, print each table that is stored, and return 0.

    Args:
        console: where to print.
        address: of Dagster's webserver.

    Returns:
        1 if the run failed; its page and the reason are printed.

    Raises:
        StackError: the webserver does not answer, or the code location has no months.
    """
    from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError

    months, location, told = _found(address)
    console.print(f"{told}\nMonths     {months[0]} to {months[-1]}")
    parts = urlsplit(address)
    client = DagsterGraphQLClient(str(parts.hostname), port_number=parts.port)
    tags = dict(zip(RANGE, (months[0], months[-1]), strict=True))
    try:
        run = client.submit_job_execution(JOB, repository_location_name=location, tags=tags)
    except DagsterGraphQLClientError as error:
        raise StackError(f"The run could not be started: {error}") from error
    page = f"{address}/runs/{run}"
    console.print(f"Run        {page}\nCtrl-C stops watching, not the run.")
    status, reasons = _follow(console, address, run)
    if status == "SUCCESS":
        console.print("The stack is filled: Dagster, the dashboard and the REST API show the forecast.")
        return 0
    console.print(f"The run ended as {status}: {page}")
    for reason in reasons:
        console.print(reason, markup=False)
    return 1


def _follow(console: Console, address: str, run: str) -> tuple[str, list[str]]:
    """Print each table as it is stored; return the run's last status, and why steps failed."""
    stored: dict[str, int] = {}
    reasons: dict[str, None] = {}
    cursor, status = None, ""
    while status not in OVER:
        time.sleep(LOOK_S)
        now = _ask(address, RUN, id=run, after=cursor)["runOrError"]
        status, events = now["status"], now["eventConnection"]
        cursor = events["cursor"] or cursor
        for event in events["events"]:
            if event["__typename"] == "MaterializationEvent":
                name = "/".join(event["assetKey"]["path"])
                stored[name] = stored.get(name, 0) + 1
                if stored[name] == 1:
                    console.print(f"✓ {name}")
            elif event.get("error"):
                reasons[str(event["error"]["message"]).strip()] = None
    return status, list(reasons)


def _found(address: str) -> tuple[list[str], str, str]:
    """Return the months, the name of the code location, and the source in force."""
    said = _ask(address, WHAT % BY_MONTH)
    months = [month for node in said["assetNodes"] for month in node["partitionKeys"]]
    for entry in said["workspaceOrError"]["locationEntries"]:
        loaded = entry["locationOrLoadError"] or {}
        if loaded.get("__typename") == "PythonError":
            raise StackError(f"The code location {entry['name']} does not load: {loaded['message'].strip()}")
        jobs = [job for repository in loaded.get("repositories", []) for job in repository["jobs"]]
        for job in jobs:
            if job["name"] == JOB and months:
                source = job["description"].partition("Source in force: ")[2].partition(". ")[0]
                return months, entry["name"], f"Source     {source.rstrip('.')}"
    raise StackError(
        "The code location has no months yet: its source cannot be read. Its log says why (make stack-logs, "
        "or make logs with Docker)."
    )


def _ask(address: str, query: str, **variables: Any) -> Any:
    """Return the answer to a GraphQL query; ask again for a while if the webserver is away.

    Raises:
        StackError: it stays away.
    """
    end = time.monotonic() + (PATIENCE_S if variables else 0)
    while True:
        try:
            said = requests.post(
                f"{address}/graphql", json={"query": query, "variables": variables}, timeout=60
            ).json()
            if not said.get("errors"):
                return said["data"]
            problem = str(said["errors"][0].get("message"))
        except (requests.RequestException, ValueError) as error:
            problem = type(error).__name__
        if time.monotonic() >= end:
            raise StackError(
                f"Dagster's webserver at {address} does not answer ({problem}): start the stack first "
                "(make stack, or make up with Docker)."
            )
        time.sleep(LOOK_S)
