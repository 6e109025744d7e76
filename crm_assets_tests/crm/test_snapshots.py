"""Snapshots: what was known about every deal at a month's end."""

from __future__ import annotations

from datetime import date

import ibis
import pandas as pd
import pyarrow as pa
import pytest

from crm_assets.crm.deals import DIMENSIONS
from crm_assets.crm.features import labeled
from crm_assets.crm.months import month_end
from crm_assets.crm.schema import Stage, as_given
from crm_assets.crm.snapshots import month_rows, snapshots
from crm_assets.crm.tables import MONTHLY_SNAPSHOTS, OPPORTUNITIES
from crm_assets_tests.chain import CLOSED, Chain

# Counted in the real dump: deals open at the month's end, and how many of them are won next month.
OPEN_AND_WON = {
    "2017-02": (1_185, 434),
    "2017-03": (1_330, 57),
    "2017-04": (1_618, 363),
    "2017-05": (1_535, 432),
    "2017-06": (1_686, 73),
    "2017-07": (2_257, 378),
    "2017-08": (2_265, 411),
    "2017-09": (2_409, 54),
    "2017-10": (2_604, 329),
    "2017-11": (2_119, 431),
}


@pytest.mark.parametrize("month", OPEN_AND_WON)
def test_open_deals_and_next_months_wins_of_the_real_dump(real_chain: Chain, month: str) -> None:
    snapshot, features = real_chain.snapshot(month), real_chain.features(month)
    open_deals, won = OPEN_AND_WON[month]
    assert (snapshot["stage"] == Stage.ENGAGING).sum() == len(features) == open_deals
    assert features["won_next_month"].sum() == won
    assert features["won_next_month"].notna().all()


def test_the_last_month_of_the_real_dump_has_open_deals_and_no_label(real_chain: Chain) -> None:
    features = real_chain.features("2017-12")
    assert real_chain.horizon == "2017-12"
    assert len(features) == 1_589
    assert features["won_next_month"].isna().all()


def test_the_last_snapshot_of_the_real_dump_is_the_dump(real_chain: Chain) -> None:
    stages = real_chain.snapshot("2017-12")["stage"].value_counts().to_dict()
    assert stages == {"Won": 4_238, "Lost": 2_473, "Engaging": 1_589, "Prospecting": 500}


@pytest.mark.parametrize("month", ["2023-01", "2023-05", "2023-12"])
def test_a_snapshot_holds_what_was_known_then_and_nothing_else(small_chain: Chain, month: str) -> None:
    end = month_end(month)
    known = small_chain.opportunities()
    known = known[known["created_date"] <= end].set_index("opportunity_id")
    frame = small_chain.snapshot(month)
    assert frame["opportunity_id"].tolist() == sorted(known.index)
    assert frame["snapshot_month"].unique().tolist() == [month]
    for row in frame.to_dict("records"):
        deal = known.loc[row["opportunity_id"]]
        if pd.notna(deal["close_date"]) and deal["close_date"] <= end:
            now = (deal["stage"], deal["close_date"], deal["close_value"])
        else:
            now = ("Engaging" if pd.notna(deal["engage_date"]) else "Prospecting", None, None)
        assert row["stage"] == now[0]
        assert row["close_date"] == now[1] or (pd.isna(row["close_date"]) and now[1] is None)
        assert row["close_value"] == now[2] or (pd.isna(row["close_value"]) and now[2] is None)


def test_no_snapshot_shows_a_date_after_its_month(small_chain: Chain) -> None:
    for month in small_chain.months:
        frame = small_chain.snapshot(month)
        for column in ("created_date", "engage_date", "close_date"):
            assert (frame[column].dropna() <= month_end(month)).all()
        assert frame["stage"].isin(CLOSED).eq(frame["close_date"].notna()).all()


def test_a_deal_is_open_on_the_last_day_of_its_engage_month_and_closed_on_that_of_its_close_month() -> None:
    deals = _deals(engage_date=date(2023, 1, 31), close_date=date(2023, 3, 31), stage="Won", close_value=5.0)
    calendar = ibis.memtable(month_rows(["2022-12", "2023-01", "2023-02", "2023-03"]))
    found = snapshots(deals, calendar).to_pyarrow().to_pydict()
    stages = dict(zip(found["snapshot_month"], found["stage"], strict=True))
    assert stages == {"2023-01": "Engaging", "2023-02": "Engaging", "2023-03": "Won"}


@pytest.mark.parametrize(
    ("close_date", "stage", "label"),
    [
        (date(2023, 2, 1), "Won", 1),
        (date(2023, 2, 28), "Won", 1),
        (date(2023, 3, 1), "Won", 0),
        (date(2023, 2, 10), "Lost", 0),
        (None, "Engaging", 0),
    ],
)
def test_the_label_is_1_for_a_win_inside_the_next_month(
    close_date: date | None, stage: str, label: int
) -> None:
    deals = _deals(engage_date=date(2023, 1, 5), close_date=close_date, stage=stage)
    for horizon, expected in (("2023-02", label), ("2023-03", label), ("2023-01", None)):
        calendar = ibis.memtable(month_rows(["2023-01"], horizon))
        asked = deals.select("opportunity_id").cross_join(calendar)
        labels = labeled(asked, deals, calendar).to_pyarrow()
        assert labels.to_pydict()["won_next_month"] == [expected]


def test_snapshots_have_their_columns_and_types(small_chain: Chain) -> None:
    for month in small_chain.months:
        table = small_chain.store.read("monthly_snapshots", [month]).to_pyarrow()
        assert table.schema == as_given(MONTHLY_SNAPSHOTS.arrow, {c.name for c in DIMENSIONS})
        never_null = [column.name for column in MONTHLY_SNAPSHOTS.columns if not column.nullable]
        assert sum(table[name].null_count for name in never_null) == 0


def _deals(**columns: object) -> ibis.Table:
    """Return a table with one deal, created when it was engaged."""
    names = {"opportunity_id": "D1", "product": "P", "list_price": 1.0, "sales_agent": "A"}
    deal = {**names, "created_date": columns["engage_date"], "created_date_source": "engage_date", **columns}
    return ibis.memtable(pa.Table.from_pylist([deal], OPPORTUNITIES.arrow))
