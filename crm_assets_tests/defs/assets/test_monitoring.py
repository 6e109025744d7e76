"""The job of monitoring, as a user runs it after a run of the whole graph."""

from __future__ import annotations

import sys
from urllib.parse import unquote, urlparse

import dagster as dg
import pandas as pd
import pytest

from crm_assets.defs.assets.monitoring import estimated
from crm_assets.defs.resources.fold_models import RunFoldModels
from crm_assets.insight.reading import Reader
from crm_assets.monitoring.drift_table import DRIFT_REPORT
from crm_assets.monitoring.reading import said_and_came
from crm_assets.storage.folder import Folder
from crm_assets.storage.said import KEPT, as_said, keep_said
from crm_assets.storage.tables import TableStore
from dev.place import Place

NEWEST, BEFORE, EARLIER, PAST = "2023-12", "2023-11", "2023-10", "2023-09"
TOTAL_WINS = "level == 'total' and measure == 'wins' and by == 'model' and horizon_months == 1"


@pytest.fixture(scope="module")
def monitored(
    sample_run: tuple[Place, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Place, TableStore, str]:
    """Return a copy of a finished run in which `make monitor` has run, its tables, and the output."""
    there = sample_run[0].copy(tmp_path_factory.mktemp("monitored") / "place")
    done = there.here("crm_assets.console.monitor", "--month", f"{BEFORE}...{NEWEST}")
    assert done.returncode == 0, done.stdout + done.stderr
    return there, TableStore(Folder(there.tables, tmp_path_factory.mktemp("scratch"))), done.stdout


def accuracy(store: TableStore, month: str) -> pd.DataFrame:
    return store.to_pandas(store.read("forecast_accuracy", [month]))


def test_a_run_of_the_graph_does_not_wait_for_monitoring(sample_run: tuple[Place, str]) -> None:
    assert not (sample_run[0].tables / "forecast_accuracy").exists()
    assert not (sample_run[0].tables / "performance_estimate").exists()
    assert not (sample_run[0].tables / "drift_report").exists()


def test_the_table_says_what_the_page_says(monitored: tuple[Place, TableStore, str]) -> None:
    _, store, printed = monitored
    page = said_and_came(Reader(store))["total"].set_index("forecast_month")
    for month in (BEFORE, NEWEST):
        rows = accuracy(store, month)
        own = rows[(rows["level"] == "total") & (rows["by"] == "model") & (rows["horizon_months"] == 1)]
        own = own.set_index("measure")
        for measure in ("wins", "revenue"):
            assert own.loc[measure, "said"] == pytest.approx(page.loc[month, f"expected_{measure}"])
            assert own.loc[measure, "came"] == pytest.approx(page.loc[month, f"actual_{measure}"])
        assert month in printed
    # The sample came as one dump, so that every month whose outcome it knows was predicted later.
    assert set(accuracy(store, NEWEST)["stored"]) == {"later"}


def test_a_month_has_a_table_of_drift_and_a_page_that_the_ui_links(
    monitored: tuple[Place, TableStore, str],
) -> None:
    there, _, _ = monitored
    rows = there.frame("drift_report", NEWEST)
    assert list(rows.columns) == DRIFT_REPORT.names
    assert not rows.duplicated(list(DRIFT_REPORT.key)).any()
    assert {"probability", "sector", "won_next_month", "close_date"} <= set(rows["column"])
    facts = there.metadata("drift_report", NEWEST)
    assert facts["columns compared"].value == len(rows)
    assert isinstance(facts["what drifted"], dg.TableMetadataValue)
    link = facts["report"]
    assert isinstance(link, dg.UrlMetadataValue)
    page = there.tables / "drift_report" / f"{NEWEST}.html"
    assert unquote(urlparse(str(link.url)).path) == str(page)
    assert f"<h1>Drift of {NEWEST}</h1>" in page.read_text("utf-8")


def test_months_that_were_forecast_together_are_held_against_what_came(
    monitored: tuple[Place, TableStore, str],
) -> None:
    _, store, printed = monitored
    forecast = store.to_pandas(store.read("revenue_forecast", [EARLIER]))
    said = forecast[(forecast["level"] == "total") & (forecast["horizon_months"] == 2)].iloc[0]
    rows = accuracy(store, NEWEST)
    own = rows[(rows["level"] == "total") & (rows["by"] == "model") & (rows["snapshot_month"] == EARLIER)]
    wins = own.set_index("measure").loc["wins"]
    assert wins["said"] == pytest.approx(said["total_wins"])
    came = {month: accuracy(store, month).query(TOTAL_WINS)["came"].sum() for month in (BEFORE, NEWEST)}
    assert wins["came"] == sum(came.values())
    assert set(rows["horizon_months"]) == {1, 2, 3}
    assert "Several months together" in printed


def test_without_the_extra_all_is_printed_and_a_sentence_says_what_is_missing(
    monitored: tuple[Place, TableStore, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there, store, _ = monitored
    monkeypatch.setitem(sys.modules, "evidently", None)
    done = there.here("crm_assets.console.monitor", "--month", PAST)
    assert done.returncode == 0, done.stdout + done.stderr
    assert NEWEST in done.stdout
    assert "Expected of the predictions for 2024-01" in done.stdout
    assert done.stdout.count("need Evidently") == 1
    assert "Traceback" not in done.stdout + done.stderr
    # The verdicts need no pictures.
    assert len(store.to_pandas(store.read("drift_report", [PAST])))
    assert not (there.tables / "drift_report" / f"{PAST}.html").exists()


def test_the_newest_month_is_estimated_and_the_estimate_is_held_against_what_came(
    monitored: tuple[Place, TableStore, str],
) -> None:
    _, store, _ = monitored
    newest = store.to_pandas(store.read("performance_estimate", [NEWEST])).set_index("measure")
    predicted = store.to_pandas(store.read("win_predictions", [NEWEST]))["probability"]
    assert newest.loc["wins_of_open_deals", "said"] == pytest.approx(predicted.sum())
    assert (newest["lower"] <= newest["said"]).all()
    then = store.to_pandas(store.read("performance_estimate", [BEFORE])).set_index("measure")
    rows = accuracy(store, NEWEST)
    judged = rows[rows["by"] == "estimate"].set_index("measure")
    assert judged["said"].to_dict() == then["said"].to_dict()
    assert judged["came"].notna().all()


def test_an_estimate_that_nobody_stored_is_as_wide_as_one_that_somebody_did(
    monitored: tuple[Place, TableStore, str],
) -> None:
    _, store, _ = monitored
    assert EARLIER not in store.months("performance_estimate")
    made = estimated(store, EARLIER, RunFoldModels()).set_index("measure")[["lower", "upper"]]
    judged = accuracy(store, BEFORE).query("by == 'estimate'").set_index("measure")[["lower", "upper"]]
    pd.testing.assert_frame_equal(judged.sort_index(), made.sort_index())


def test_the_ui_shows_plots_and_tables_of_each_month(monitored: tuple[Place, TableStore, str]) -> None:
    there, _, _ = monitored
    with dg.DagsterInstance.from_config(str(there.folder / "dagster")) as instance:
        event = instance.get_latest_materialization_events([dg.AssetKey("forecast_accuracy")])
        chosen = dg.AssetRecordsFilter(dg.AssetKey("forecast_accuracy"), asset_partitions=[NEWEST])
        (record,) = instance.fetch_materializations(chosen, limit=1).records
    assert event
    facts = record.asset_materialization.metadata if record.asset_materialization else {}
    for name in ("said and came", "chances and wins"):
        assert str(facts[name].value).startswith("![plot](data:image/png;base64,")
    for name in (
        "said and came by month",
        "said and came over several months",
        "bias by manager",
        "bias by product",
        "who said what about this month",
    ):
        assert isinstance(facts[name], dg.TableMetadataValue)
    assert "made later" in str(facts["these predictions were"].value)


def test_a_forecast_is_kept_as_it_was_said_while_its_month_was_the_newest(
    monitored: tuple[Place, TableStore, str],
) -> None:
    _, store, _ = monitored
    for name, kept in KEPT.items():
        assert store.months(kept) == [NEWEST]
        assert store.path(kept, NEWEST).read_bytes() == store.path(name, NEWEST).read_bytes()
        assert as_said(store, name, BEFORE) == (name, False)
    # A later run predicts the month anew; the copy stays, and so does what the page and the table judge.
    said = store.to_pandas(store.read("win_predictions", [NEWEST]))
    schema = store.schema("win_features", NEWEST)
    store.write("win_features", store.to_pandas(store.read("win_features", [NEWEST])), schema, "2024-01")
    again = said.assign(probability=said["probability"] / 2)
    store.write("win_predictions", again, store.schema("win_predictions", NEWEST), NEWEST)
    keep_said(store, "win_predictions", NEWEST)
    assert as_said(store, "win_predictions", NEWEST) == ("win_predictions_said", True)
    kept_sum = Reader(store).predictions_as_said(NEWEST)["probability"].sum()
    assert kept_sum == pytest.approx(said["probability"].sum())
