"""Services of the stack die while runs are going on: nothing is lost, and no table is half written."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from crm_assets_tests.stack.deployed import Deployed
from dev.place import Place

# A part of the graph that takes some seconds, with tables of both kinds.
TABLES = (
    "raw_accounts",
    "raw_products",
    "raw_sales_teams",
    "raw_sales_pipeline",
    "opportunities",
    "monthly_snapshots",
    "win_features",
)


@pytest.fixture
def disturbed(deployed: Deployed, finished: dict[str, bytes]) -> Iterator[Deployed]:
    """Yield the stack; after the test, restart its services and check that the bucket is as before.

    The same input gives the same bytes: old tables and new ones are equal, and half a table is neither.
    """
    yield deployed
    for service in ("postgres", "s3"):
        deployed.stack.start_service(service)
    assert deployed.contents() == finished


def test_the_bucket_holds_the_bytes_of_a_local_run(
    finished: dict[str, bytes], local_run: tuple[Place, str]
) -> None:
    assert finished == {f"tables/{name}": content for name, content in local_run[0].contents().items()}


def test_a_run_finishes_by_itself_when_s3_was_away_for_ten_seconds(disturbed: Deployed) -> None:
    run = disturbed.submit(*TABLES)
    disturbed.wait_until(lambda: disturbed.made(run), run)
    disturbed.stack.stop_service("s3", hard=True)
    time.sleep(10)
    assert disturbed.run(run)["status"] == "STARTED"
    disturbed.stack.start_service("s3")
    assert disturbed.status(run) == "SUCCESS"


def test_a_run_that_finds_no_s3_fails_with_a_sentence_and_the_next_is_clean(disturbed: Deployed) -> None:
    disturbed.stack.stop_service("s3", hard=True)
    run = disturbed.submit("raw_accounts")
    assert disturbed.status(run) == "FAILURE"
    [error] = disturbed.failures(run)
    assert "does not answer" in error
    disturbed.stack.start_service("s3")
    assert disturbed.status(disturbed.submit("raw_accounts")) == "SUCCESS"


def test_a_run_that_postgres_leaves_for_a_moment_ends_and_the_next_is_clean(disturbed: Deployed) -> None:
    """The run continues. If Dagster cannot write an event, a step fails or the run is retried."""
    run = disturbed.submit(*TABLES)
    disturbed.wait_until(lambda: disturbed.made(run), run)
    disturbed.stack.stop_service("postgres", hard=True)
    disturbed.stack.start_service("postgres")
    if disturbed.status(run) == "FAILURE":
        if errors := disturbed.failures(run):
            assert any("psycopg2.OperationalError" in error for error in errors)
            assert disturbed.status(disturbed.submit(*TABLES)) == "SUCCESS"
        else:
            # Postgres was down for so long that Dagster could not even write a step's failure.
            assert disturbed.outcome(run) == "SUCCESS"


def test_a_killed_run_is_told_and_done_again(disturbed: Deployed) -> None:
    run = disturbed.submit(*TABLES)
    disturbed.wait_until(lambda: disturbed.made(run), run)
    [worker] = disturbed.workers()
    worker.kill()
    assert disturbed.status(run) == "FAILURE"
    assert disturbed.outcome(run) == "SUCCESS"


def test_two_runs_of_the_same_months_at_once_leave_whole_tables(disturbed: Deployed) -> None:
    runs = [disturbed.submit(*TABLES), disturbed.submit(*TABLES)]
    assert [disturbed.status(run) for run in runs] == ["SUCCESS", "SUCCESS"]
