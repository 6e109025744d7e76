"""Which archived dump tells what was known in a month."""

from __future__ import annotations

from datetime import date

import pytest

from crm_assets.crm.archive import Dump, in_use, newest_date, plan, record_of
from crm_assets.crm.schema import RAW_TABLES
from crm_assets.errors import SettingsError
from crm_assets.sources.sample import LAST_DAY, SyntheticSample


def dump(day: str, number: int = 1) -> Dump:
    return Dump(date.fromisoformat(day), number, {})


FIRST, SECOND, LATE = dump("2017-11-30"), dump("2017-12-29"), dump("2018-02-15")


def test_the_newest_date_of_a_dump_is_the_day_it_is_known() -> None:
    sample = SyntheticSample(300, seed=1)
    assert newest_date({table.name: sample.read(table) for table in RAW_TABLES}) == LAST_DAY
    assert newest_date({}) is None


def test_one_dump_tells_all_months() -> None:
    found = plan(["2017-10", "2017-11", "2017-12"], [FIRST])
    assert [(record.dump, record.before, months) for record, months in found] == [
        (FIRST, None, ["2017-10", "2017-11", "2017-12"])
    ]


def test_a_dump_of_the_last_days_records_its_month_and_the_first_one_the_months_before() -> None:
    dumps = [FIRST, SECOND, LATE]
    assert record_of("2017-06", dumps).dump == FIRST
    assert record_of("2017-11", dumps).dump == FIRST
    assert record_of("2017-12", dumps).dump == SECOND
    assert [d.records("2017-11") for d in dumps] == [True, False, False]


def test_a_month_without_a_dump_has_the_dates_of_the_next_and_the_values_of_the_last() -> None:
    found = record_of("2018-01", [FIRST, SECOND, LATE])
    assert (found.dump, found.before) == (LATE, SECOND)


def test_a_month_after_all_dumps_is_told_by_the_newest() -> None:
    found = record_of("2018-06", [FIRST, LATE])
    assert (found.dump, found.before) == (LATE, None)


def test_the_last_dump_of_a_day_counts_and_a_withdrawn_one_does_not() -> None:
    again = dump("2017-11-30", 2)
    assert in_use([SECOND, again, FIRST]) == [again, SECOND]
    assert in_use([SECOND, again, FIRST], ["2017-11-30-2"]) == [FIRST, SECOND]
    with pytest.raises(SettingsError, match="names 2017-11, but the archive has 2017-11-30, 2017-12-29"):
        in_use([FIRST, SECOND], ["2017-11"])
