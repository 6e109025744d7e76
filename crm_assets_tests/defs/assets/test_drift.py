"""The asset drift_report, as Dagster materializes it after a run of the whole graph."""

from __future__ import annotations

from urllib.parse import unquote, urlparse

import dagster as dg
import pytest

from crm_assets.monitoring.drift_table import DRIFT_REPORT
from dev.place import MODULE, Place

MONTH = "2023-12"


@pytest.fixture(scope="module")
def reported(sample_run: tuple[Place, str], tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a copy of a finished run in which the newest month has its report."""
    there = sample_run[0].copy(tmp_path_factory.mktemp("drift") / "place")
    done = there.dagster("asset", "materialize", *MODULE, "--select", "drift_report", "--partition", MONTH)
    assert done.returncode == 0, done.stdout + done.stderr
    return there


def test_a_month_has_a_table_and_a_page_that_the_ui_links(reported: Place) -> None:
    rows = reported.frame("drift_report", MONTH)
    assert list(rows.columns) == DRIFT_REPORT.names
    assert not rows.duplicated(list(DRIFT_REPORT.key)).any()
    assert {"probability", "sector", "won_next_month", "close_date"} <= set(rows["column"])
    facts = reported.metadata("drift_report", MONTH)
    assert facts["columns compared"].value == len(rows)
    assert isinstance(facts["what drifted"], dg.TableMetadataValue)
    link = facts["report"]
    assert isinstance(link, dg.UrlMetadataValue)
    page = reported.tables / "drift_report" / f"{MONTH}.html"
    assert unquote(urlparse(str(link.url)).path) == str(page)
    assert f"<h1>Drift of {MONTH}</h1>" in page.read_text("utf-8")


def test_a_run_of_the_graph_does_not_wait_for_it(sample_run: tuple[Place, str]) -> None:
    assert not (sample_run[0].tables / "drift_report").exists()
