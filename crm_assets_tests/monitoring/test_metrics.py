"""The metrics of the pipeline: their names, what tables say, and parts that cannot be read."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from crm_assets.console.exporter import collector
from crm_assets.console.exporter.collector import Pipeline
from crm_assets.crm.months import shift
from crm_assets.errors import StorageError
from crm_assets.monitoring import metrics as m
from crm_assets.monitoring.tables import MODEL, OVERRIDE, ROC_AUC, SEASON, WINS


def accuracy(months: int) -> pd.DataFrame:
    """Return rows as `forecast_accuracy` has them: the total and a manager, by the model and by others."""
    rows = []
    for number in range(months):
        for level, name in (("total", "all deals"), ("manager", "Mia")):
            for by in (MODEL, SEASON, OVERRIDE):
                row = {"forecast_month": shift("2020-01", number), "level": level, "name": name, "by": by}
                rows.append(row | {"measure": WINS, "said": 12.0, "came": 10.0, "bias": 0.2})
                rows.append(row | {"measure": ROC_AUC, "said": float("nan"), "came": 0.7, "bias": None})
    # What was said about several months together has no series.
    longer = [row | {"horizon_months": 3, "said": 99.0} for row in rows]
    return pd.DataFrame([row | {"horizon_months": 1} for row in rows] + longer)


def test_names_are_unique_and_say_their_unit() -> None:
    names = [metric.name for metric in m.METRICS]
    assert len(set(names)) == len(names)
    for metric in m.METRICS:
        assert re.fullmatch(r"crm_[a-z_]+", metric.name)
        assert not metric.name.endswith(("_total", "_count", "_sum", "_bucket"))
        assert ("timestamp" in metric.name) == metric.name.endswith("_timestamp_seconds")
        assert metric.about.endswith(".")


def test_only_the_newest_months_and_only_totals_have_series() -> None:
    samples = list(m.of_accuracy(accuracy(m.MONTHS + 5)))
    months = {sample.labels[0] for sample in samples if sample.metric is m.CAME[WINS]}
    assert months == {shift("2020-01", number) for number in range(5, m.MONTHS + 5)}
    assert {label for sample in samples for label in sample.labels} == months | {MODEL, SEASON}
    last = [sample for sample in samples if sample.metric is m.LAST_ERROR[WINS]]
    assert [(sample.labels, sample.value) for sample in last] == [((MODEL,), 0.2), ((SEASON,), 0.2)]


def test_an_empty_table_has_no_series() -> None:
    none = accuracy(1).iloc[:0]
    assert list(m.of_accuracy(none)) == []
    assert list(m.of_estimate(none.assign(snapshot_month=[]))) == []


def test_columns_that_follow_another_one_do_not_count_as_drifted() -> None:
    rows = [
        ("2020-01", "open deals", "sector", True, None),
        ("2020-01", "deals", "sector", True, None),
        ("2020-01", "open deals", "account_win_rate", True, "sector"),
        ("2020-02", "open deals", "sector", False, None),
    ]
    names = ["snapshot_month", "population", "column", "flagged", "follows"]
    found = m.of_drift(pd.DataFrame(rows, columns=pd.Index(names)))
    assert {sample.labels[0]: sample.value for sample in found} == {"2020-01": 1, "2020-02": 0}


def test_a_table_without_quarantined_rows_says_zero() -> None:
    found = m.of_quarantine(pd.Series(["raw_accounts", "raw_accounts"]), ("raw_accounts", "raw_products"))
    assert {sample.labels[0]: sample.value for sample in found} == {"raw_accounts": 2, "raw_products": 0}


def text_of(pipeline: Pipeline) -> str:
    registry = CollectorRegistry()
    registry.register(pipeline)
    return generate_latest(registry).decode()


def test_a_part_that_cannot_be_read_hides_no_other_and_is_told_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "FRESH", 0.0)
    faults = [StorageError("The bucket is away: start it."), ValueError("odd\nmore"), None, None]

    def tables() -> list[m.Sample]:
        if fault := faults.pop(0):
            raise fault
        return [m.Sample(m.LIVE, (), 1.0)]

    pipeline = Pipeline({m.TABLES: tables, m.RUNS: lambda: [m.Sample(m.RUNS_UNDER_WAY, (), 2.0)]})
    texts = [text_of(pipeline) for _ in range(4)]
    for text in texts:
        assert "crm_runs_in_progress 2.0" in text
        assert 'crm_exporter_up{part="runs"} 1.0' in text
    assert ['crm_exporter_up{part="tables"} 0.0' in text for text in texts] == [True, True, False, False]
    assert ["crm_calendar_open 1.0" in text for text in texts] == [False, False, True, True]
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "The bucket is away: start it.",
        "tables cannot be read (ValueError): odd",
        "tables can be read again.",
    ]


def test_two_scrapes_in_a_row_read_once() -> None:
    reads = []
    pipeline = Pipeline({m.RUNS: lambda: reads.append(1) or [m.Sample(m.RUNS_UNDER_WAY, (), 0.0)]})
    assert text_of(pipeline) == text_of(pipeline)
    assert len(reads) == 1
