"""What speaks for retraining and for telling somebody, and the pause after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from crm_assets.errors import StorageError
from crm_assets.monitoring.alarm import Drift
from crm_assets.monitoring.triggers import cooling, reasons
from crm_assets.monitoring.worse import performance

FINE = {"roc_auc": 0.8, "brier": 0.1, "season": 0.15, "wins": 100.0}


def month(name: str, **came: float) -> pd.DataFrame:
    """Return the rows of a month in which all is as said, but for `came`."""
    came = FINE | came
    rows = [
        ("roc_auc", "estimate", 0.8, 0.78, 0.82, came["roc_auc"]),
        ("brier", "estimate", 0.1, 0.09, 0.11, came["brier"]),
        ("brier", "model", None, None, None, came["brier"]),
        ("brier", "season", None, None, None, came["season"]),
        ("wins", "model", 100.0, 80.0, 125.0, came["wins"]),
    ]
    columns = pd.Index(["measure", "by", "said", "lower", "upper", "came"])
    place = {"forecast_month": name, "horizon_months": 1, "level": "total", "name": "all deals"}
    one = pd.DataFrame(rows, columns=columns).assign(**place)
    # However wrong the forecast of several months was, it is no evidence: the next month's speaks for it.
    return pd.concat([one, one.assign(horizon_months=3, came=0.0)], ignore_index=True)


# By name: the two newest months, the drifts, until when the champion has learned, and the kinds of reasons.
CASES: dict[str, tuple[list[pd.DataFrame], list[Drift], str | None, list[str]]] = {
    "all is well": ([month("2017-10"), month("2017-11")], [], "2017-10", []),
    "nothing is known": ([], [Drift("2017-11", "sector")], None, []),
    "drift alone": ([month("2017-10"), month("2017-11")], [Drift("2017-11", "sector")], "2017-10", []),
    "one bad month alone": ([month("2017-10"), month("2017-11", roc_auc=0.7)], [], "2017-10", []),
    "a bad month with drift": (
        [month("2017-10"), month("2017-11", roc_auc=0.7)],
        [Drift("2017-10", "sector")],
        "2017-10",
        ["alarm"],
    ),
    "a bad month with old drift": (
        [month("2017-10"), month("2017-11", wins=30)],
        [Drift("2017-08", "sector")],
        "2017-10",
        [],
    ),
    "two bad months": (
        [month("2017-10", wins=160), month("2017-11", wins=40)],
        [],
        "2017-10",
        ["bad months"],
    ),
    "two months, two measures": ([month("2017-10", wins=160), month("2017-11", roc_auc=0.7)], [], None, []),
    "bad months with a gap": ([month("2017-09", wins=40), month("2017-11", wins=40)], [], None, []),
    "better than expected": (
        [month("2017-10", roc_auc=0.99, brier=0.01), month("2017-11", roc_auc=0.99, brier=0.01)],
        [],
        None,
        [],
    ),
    "twice no better than the season": (
        [month("2017-10", season=0.1), month("2017-11", season=0.09)],
        [],
        None,
        ["bad months"],
    ),
    "twice without a win, as between quarterly closings": (
        [month(name, roc_auc=float("nan"), brier=0.001, season=0.0) for name in ("2017-10", "2017-11")],
        [],
        None,
        [],
    ),
    "an old champion": ([month("2017-10"), month("2017-11")], [], "2017-03", ["age"]),
    "a champion at the limit": ([], [], "2017-04", []),
}


@pytest.mark.parametrize("case", CASES)
def test_what_speaks_for_retraining(case: str) -> None:
    months, drifts, trained_until, kinds = CASES[case]
    accuracy = pd.concat(months, ignore_index=True) if months else pd.DataFrame()
    found = reasons(accuracy, drifts, "2017-11", trained_until, max_age=6)
    assert [one.kind for one in found] == kinds
    assert all(one.said.endswith(".") for one in found)


def test_a_reason_says_what_was_worse_and_what_was_to_expect() -> None:
    (bad,) = [one for one in performance(month("2017-11", roc_auc=0.7)) if one.worse]
    assert (bad.month, bad.measure) == ("2017-11", "roc_auc")
    assert bad.what == "roc_auc 0.700 where 0.774 to 0.826 was to expect"
    (none,) = [one for one in performance(month("2017-11", wins=0.0)) if one.worse]
    assert none.what.startswith("wins 0 where ")


def test_a_pause_ends_after_its_days() -> None:
    now = datetime(2017, 12, 1, tzinfo=UTC)
    assert cooling(None, now, 28) is None
    assert cooling(now - timedelta(days=28), now, 28) is None
    assert cooling(now - timedelta(days=27), now, 28) == timedelta(days=1)
    assert cooling(now, now, 0) is None


def test_a_table_of_an_older_release_is_told_with_the_command_that_renews_it() -> None:
    with pytest.raises(StorageError, match=r"older release.*make monitor"):
        performance(month("2017-10").drop(columns="horizon_months"))
