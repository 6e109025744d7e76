"""The data horizon: the last month that a dump covers completely."""

from __future__ import annotations

from datetime import date

import ibis
import pyarrow as pa
import pytest

from crm_assets.crm.horizon import data_horizon, horizon
from crm_assets.crm.tables import OPPORTUNITIES
from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling.training import first_training_month, training_set
from crm_assets_tests.chain import Chain


@pytest.mark.parametrize(
    ("last_event", "month"),
    [
        (date(2017, 12, 31), "2017-12"),
        (date(2017, 12, 28), "2017-12"),
        (date(2017, 12, 27), "2017-11"),
        (date(2017, 12, 1), "2017-11"),
        (date(2017, 1, 2), "2016-12"),
        (date(2016, 2, 26), "2016-02"),
        (date(2016, 2, 25), "2016-01"),
    ],
)
def test_a_month_is_complete_when_its_last_days_are_covered(last_event: date, month: str) -> None:
    assert data_horizon(last_event) == month


def _deals(*dates: tuple[date, date | None]) -> ibis.Table:
    rows = [{"engage_date": engaged, "close_date": closed} for engaged, closed in dates]
    return ibis.memtable(pa.Table.from_pylist(rows, OPPORTUNITIES.arrow))


@pytest.mark.parametrize("last_month", [None, "open"])
def test_the_horizon_is_read_from_the_later_of_engaging_and_closing(last_month: str | None) -> None:
    closed_last = _deals((date(2023, 1, 3), date(2023, 5, 30)), (date(2023, 4, 1), None))
    engaged_last = _deals((date(2023, 1, 3), date(2023, 2, 10)), (date(2023, 4, 30), None))
    nothing_closed = _deals((date(2023, 4, 29), None))
    assert horizon(closed_last, last_month) == "2023-05"
    assert horizon(engaged_last, last_month) == "2023-04"
    assert horizon(nothing_closed, last_month) == "2023-04"


def test_a_month_that_settings_name_is_the_horizon() -> None:
    assert horizon(_deals((date(2023, 1, 3), date(2023, 5, 30))), "2023-02") == "2023-02"


def test_training_starts_with_the_month_before_the_first_close(real_chain: Chain) -> None:
    store = real_chain.store
    deals = store.read("opportunities")
    assert first_training_month(deals) == "2017-02"
    rows = store.to_pandas(training_set(store.read("win_features", real_chain.months), deals))
    assert sorted(rows["snapshot_month"].unique()) == [f"2017-{month:02d}" for month in range(2, 12)]
    assert rows["won_next_month"].notna().all()
    assert len(rows) == 19_008
    keys = list(zip(rows["snapshot_month"], rows["opportunity_id"], strict=True))
    assert keys == sorted(set(keys))


def test_without_a_closed_deal_there_is_nothing_to_learn_and_a_sentence_says_so() -> None:
    with pytest.raises(NotEnoughDataError, match="has no closed deal"):
        first_training_month(_deals((date(2023, 4, 29), None)))
