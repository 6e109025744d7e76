"""Runs that cannot work end with one sentence and lose nothing that is stored."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from crm_assets_tests.sources.messy_kinds import dates_as
from dev.place import MODULE, Place, place

RAW = "raw_accounts,raw_products,raw_sales_teams,raw_sales_pipeline"


@pytest.fixture
def stored(small_dump: Path, tmp_path: Path) -> Place:
    """Return an installation on the small dump whose raw tables are stored."""
    there = place(tmp_path / "place", CRM_SOURCE="csv", CRM_DATA_DIR=str(small_dump))
    done = there.dagster("asset", "materialize", *MODULE, "--select", RAW)
    assert done.returncode == 0, done.stderr
    return there


def refuses_untouched(there: Place, said: str) -> None:
    """Check that a run fails with a sentence, and every stored table keeps its bytes."""
    before = there.contents()
    assert before
    done = there.python("-m", "crm_assets")
    assert done.returncode == 1
    assert said in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert there.contents() == before


def test_bad_input_is_one_sentence_and_leaves_what_is_stored(stored: Place, small_dump: Path) -> None:
    pipeline = small_dump / "sales_pipeline.csv"
    lines = pipeline.read_text().splitlines(keepends=True)
    pipeline.write_text("".join(line.replace("Won", "Almost") for line in lines))
    refuses_untouched(
        stored, "'Almost' is not a stage; use Prospecting, Engaging, Won, Lost. Correct the file"
    )


def test_dates_that_nothing_decides_leave_what_is_stored(stored: Place, small_dump: Path) -> None:
    dates_as(lambda day: f"{1 + day.day % 12}/{day.month}/{day.year}")(small_dump)
    refuses_untouched(stored, "column engage_date: reads as M/D/YYYY and as D/M/YYYY in every row")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"CRM_SOURCE": "csv", "CRM_DATA_DIR": "nowhere"}, "does not exist; set CRM_DATA_DIR"),
        ({"CRM_FIRST_MONTH": "soon"}, "CRM_FIRST_MONTH: 'soon' is not a month"),
        ({"CRM_SOURCE": "elsewhere"}, "CRM_SOURCE: "),
        ({"DAGSTER_HOME": ""}, "DAGSTER_HOME is not set; use make run"),
        ({"DAGSTER_HOME": "/nowhere"}, "DAGSTER_HOME is /nowhere, not the absolute path of a folder"),
        ({"CRM_LAST_MONTH": "2024-12"}, "CRM_LAST_MONTH 2024-12 lies after the data"),
    ],
)
def test_settings_that_cannot_work_are_told_in_a_sentence(
    tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    there = place(tmp_path / "place", CRM_SOURCE="sample", CRM_SAMPLE_OPPORTUNITIES="300")
    done = there.python("-m", "crm_assets", **settings)
    assert done.returncode == 1
    assert said in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--select", "nonsense"), "ASSETS=nonsense selects no assets; write names separated by commas."),
        (("--select", "win_features"), "win_features: stored by month. Say which, for example MONTH=2023-12"),
        (("--month", "1999-01"), "MONTH=1999-01: 1999-01 is not a month of the data"),
    ],
)
def test_what_cannot_be_materialized_is_told_in_a_sentence(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    there = place(tmp_path / "place", CRM_SOURCE="sample", CRM_SAMPLE_OPPORTUNITIES="300")
    done = there.python("-m", "crm_assets.console.materialize", *arguments)
    assert done.returncode == 1
    assert said in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_run_without_a_registry_fails_and_its_page_starts_with_the_sentence(
    sample_run: tuple[Place, str], tmp_path: Path
) -> None:
    there = sample_run[0].copy(tmp_path / "place")
    (there.folder / "home" / "mlflow.db").write_bytes(b"no database" * 100)
    chosen = ("--select", "win_predictions", "--month", "2023-12")
    done = there.python("-m", "crm_assets.console.materialize", *chosen)
    assert done.returncode == 1
    assert "mlflow.db: file is not a database" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    with dg.DagsterInstance.from_config(str(there.folder / "dagster")) as instance:
        run = instance.get_runs(limit=1)[0]
        [event] = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records
    failed = event.event_log_entry.dagster_event
    assert failed is not None
    error = failed.job_failure_data.error
    assert error is not None
    assert "RunStoppedError: Cannot" in error.message.splitlines()[0]


def test_all_checks_end_with_a_table(sample_run: tuple[Place, str], tmp_path: Path) -> None:
    there = sample_run[0].copy(tmp_path / "place")
    done = there.python("-m", "crm_assets.console.checks")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " checks: 0 failed" in done.stdout
    assert "DEBUG" not in done.stdout + done.stderr
