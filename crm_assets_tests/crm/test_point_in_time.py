"""The main promise: nothing dated after a month's end changes its snapshot or its features.

One known limit: a prospecting deal has no date of its own, so the day on which it becomes known is
simulated from its id.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_assets.console.replay.past import dump_as_of, export_as_of
from crm_assets.crm.feature_table import LABELS
from crm_assets.crm.features import KEY
from crm_assets.crm.months import month_end, shift
from crm_assets.crm.schema import RAW_SALES_PIPELINE, RAW_TABLES, SOURCE_ROW, RawTable, Stage
from crm_assets.crm.tables import OPPORTUNITIES, WIN_FEATURES
from crm_assets.crm.targets import TARGETS, Target
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore
from crm_assets_tests.chain import (
    CLOSED,
    Chain,
    cleaned,
    full_dump,
    rewritten_after,
    run_chain,
    with_details,
    write_months,
    write_tables,
)

Deal = dict[str, Any]

SAMPLE = SyntheticSample(300, seed=3)
MONTHS = list(SAMPLE.month_range())
HORIZON = MONTHS[-1]
UNLABELED = pa.schema(
    [field for field in WIN_FEATURES.arrow if field.name not in {label.name for label in LABELS}]
)


@cache
def deals() -> tuple[Deal, ...]:
    """Return cleaned deals of a CRM that says everything it may say of a deal."""
    pipeline = with_details(SAMPLE.read(RAW_SALES_PIPELINE))
    return tuple(cleaned(SAMPLE, {RAW_SALES_PIPELINE.name: pipeline}).to_pylist())


@dataclass(frozen=True)
class Closing:
    """How a deal ends, `days` after the relevant day; it never ends if `stage` is Engaging."""

    stage: str
    days: int
    value: float

    def of(self, deal: Deal, after: date) -> Deal:
        if self.stage == Stage.ENGAGING:
            return deal | {"stage": self.stage, "close_date": None, "close_value": None}
        day = after + timedelta(days=self.days)
        return deal | {"stage": self.stage, "close_date": day, "close_value": self.value}


NEVER_ENGAGED = {
    "stage": Stage.PROSPECTING.value,
    "engage_date": None,
    "close_date": None,
    "close_value": None,
}


@dataclass(frozen=True)
class LaterDeal:
    """A deal that becomes known `days` after a month's end, with arbitrary values."""

    columns: Deal
    days: int
    prospecting: bool
    closing: Closing

    def of(self, opportunity_id: str, end: date) -> Deal:
        day = end + timedelta(days=self.days)
        since = dict.fromkeys(("created_date", "crm_created_date", "stage_changed_date"), day)
        deal = {
            **self.columns,
            **since,
            "opportunity_id": opportunity_id,
            "created_date_source": "created_date",
        }
        if self.prospecting:
            return deal | NEVER_ENGAGED
        return self.closing.of(deal | {"engage_date": day}, day)


@dataclass(frozen=True)
class Future:
    """A different future after some month, in place of the recorded one."""

    closings: dict[int, Closing]
    later_deals: dict[int, LaterDeal | None]
    new_deals: dict[str, LaterDeal]
    all_closings: Closing | None
    nothing_later: bool

    def rewrite(self, before: tuple[Deal, ...], month: str) -> list[Deal]:
        end = month_end(month)
        after = [
            rewritten
            for number, deal in enumerate(before)
            if (rewritten := self._rewritten(number, deal, end)) is not None
        ]
        return [*after, *(deal.of(f"{key}+", end) for key, deal in self.new_deals.items())]

    def _rewritten(self, number: int, deal: Deal, end: date) -> Deal | None:
        if deal["created_date"] > end:
            later = self.later_deals.get(number, "as it was")
            if later is None or self.nothing_later:
                return None
            return later.of(deal["opportunity_id"], end) if isinstance(later, LaterDeal) else deal
        closing = self.closings.get(number, self.all_closings)
        if closing is None:
            return deal
        if deal["stage_changed_date"] and deal["stage_changed_date"] > end:
            day = end + timedelta(days=closing.days)
            deal = deal | {
                "stage_changed_date": day,
                "stage_name": closing.stage,
                "stage_position": closing.days,
            }
        if deal["engage_date"] is None or deal["engage_date"] > end:
            # It is engaged later, or never.
            day = end + timedelta(days=closing.days)
            if closing.stage == Stage.LOST.value:
                return deal | NEVER_ENGAGED
            return closing.of(deal | {"engage_date": day}, day)
        is_open = not (deal["close_date"] and deal["close_date"] <= end)
        return closing.of(deal, end) if is_open else deal


def futures() -> st.SearchStrategy[Future]:
    def known(column: str) -> st.SearchStrategy[Any]:
        return st.sampled_from(sorted({deal[column] for deal in deals() if deal[column] is not None}))

    text = st.text(max_size=5)
    number = st.floats(0, 1e9)
    closings = st.builds(
        Closing, st.sampled_from([Stage.ENGAGING.value, *CLOSED]), st.integers(1, 500), number
    )
    # Include names of existing agents, products and accounts: their records must not change.
    columns = st.fixed_dictionaries(
        {
            "product": known("product") | text,
            "product_series": st.none() | text,
            "list_price": number,
            "sales_agent": known("sales_agent") | text,
            "manager": st.none() | known("manager") | text,
            "regional_office": st.none() | text,
            "account": st.none() | known("account") | text,
            "sector": st.none() | text,
            "account_revenue": st.none() | number,
            "account_employees": st.none() | number,
            "account_year_established": st.none() | st.integers(1, 9_999),
            "account_parent": st.none() | text,
            "expected_close_date": st.none() | st.dates(),
            "amount": st.none() | number,
            "currency": st.just("EUR"),
            "pipeline": st.none() | text,
            "stage_name": st.none() | text,
            "stage_position": st.none() | st.integers(1, 9),
            "crm_probability": st.none() | st.floats(0, 1),
            "forecast_category": st.none() | text,
        }
    )
    later = st.builds(LaterDeal, columns, st.integers(1, 800), st.booleans(), closings)
    position = st.integers(0, SAMPLE.opportunities - 1)
    return st.builds(
        Future,
        st.dictionaries(position, closings, max_size=40),
        st.dictionaries(position, st.none() | later, max_size=20),
        st.dictionaries(text, later, max_size=8),
        st.none() | closings,
        st.booleans(),
    )


@dataclass(frozen=True)
class Files:
    snapshot: bytes
    features: bytes
    deal_features: bytes
    labeled_features: bytes

    def labels(self, target: Target) -> pa.Table:
        """Return the labels of a target and of all shorter ones."""
        names = [other.name for other in TARGETS if other.months <= target.months]
        return pq.read_table(pa.BufferReader(self.labeled_features), columns=[*KEY, *names])


def files(rows: list[Deal] | tuple[Deal, ...], months: list[str]) -> dict[str, Files]:
    """Return the parquet files that the graph writes for some months."""
    with tempfile.TemporaryDirectory() as folder:
        store = TableStore(Folder(Path(folder)))
        table = pa.Table.from_pylist(list(rows), OPPORTUNITIES.arrow)
        store.write("opportunities", table, OPPORTUNITIES.arrow)
        known = store.read("opportunities")
        write_months(store, known, months, HORIZON)
        for month in months:
            store.write("features", pq.read_table(str(store.path("win_features", month))), UNLABELED, month)
        names = ("monthly_snapshots", "features", "deal_features", "win_features")
        return {month: Files(*(store.path(name, month).read_bytes() for name in names)) for month in months}


@cache
def files_as_they_were() -> dict[str, Files]:
    return files(deals(), MONTHS)


def until(month: str) -> list[str]:
    return [before for before in MONTHS if before <= month]


def check_inputs(changed: dict[str, Files]) -> None:
    """Check that nothing that is known at the end of these months has changed."""
    for month, after in changed.items():
        before = files_as_they_were()[month]
        assert after.snapshot == before.snapshot
        assert after.features == before.features
        assert after.deal_features == before.deal_features


def check_labels(changed: dict[str, Files], month: str) -> None:
    """Check that no label of these months has changed that is known at the end of `month`."""
    for past, after in changed.items():
        for target in TARGETS:
            if target.last_month(past) <= month:
                assert after.labels(target).equals(files_as_they_were()[past].labels(target))


# Each example looks at all months before the rewritten future: few examples are many months.
@settings(max_examples=12, deadline=None, derandomize=True, database=None)
@given(month=st.sampled_from(MONTHS), future=st.deferred(futures))
def test_future_deals_and_closings_do_not_change_a_past_snapshot_or_its_features(
    month: str, future: Future
) -> None:
    check_inputs(files(future.rewrite(deals(), month), until(month)))


@settings(max_examples=6, deadline=None, derandomize=True, database=None)
@given(month=st.sampled_from(MONTHS[1:]), future=st.deferred(futures))
def test_the_label_of_a_month_depends_on_the_months_of_its_target_and_no_later_one(
    month: str, future: Future
) -> None:
    check_labels(files(future.rewrite(deals(), month), until(month)), month)


def test_what_happens_on_the_next_day_changes_nothing_of_a_month() -> None:
    month = MONTHS[8]
    won = Closing(Stage.WON.value, 1, 5.0)
    entered = LaterDeal(deals()[0], 1, prospecting=False, closing=won)
    tomorrow = Future({}, {}, {"new": entered}, won, nothing_later=False)
    changed = files(tomorrow.rewrite(deals(), month), until(month)[-4:])
    check_inputs(changed)
    check_labels(changed, month)


def test_the_label_does_depend_on_the_month_after() -> None:
    month = MONTHS[8]
    lost = Future({}, {}, {}, Closing(Stage.LOST, 5, 0.0), nothing_later=False)
    after = files(lost.rewrite(deals(), month), [month])[month]
    assert after.labeled_features != files_as_they_were()[month].labeled_features


@cache
def dump(opportunities: int, seed: int) -> dict[str, pa.Table]:
    """Return the raw tables of a CRM that has everything."""
    return full_dump(SyntheticSample(opportunities, seed))


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Return the tables of a dump whose later rows nobody has rewritten."""
    folder = tmp_path_factory.mktemp("before")
    return run_chain(write_tables(folder / "dump", dump(900, 1)), folder / "tables")


@pytest.mark.parametrize("month", ["2022-12", "2023-06", "2023-11"])
def test_rewriting_the_later_rows_of_a_csv_dump_leaves_the_files_of_a_month(
    month: str, before: Chain, tmp_path: Path
) -> None:
    rewritten = write_tables(tmp_path / "dump", rewritten_after(dump(900, 1), month, seed=20))
    after = run_chain(rewritten, tmp_path / "tables", [shift(month, -1), month])
    assert not before.opportunities().equals(after.opportunities())
    assert after.file("monthly_snapshots", month) == before.file("monthly_snapshots", month)
    assert after.file("deal_features", month) == before.file("deal_features", month)
    labels = [target.name for target in TARGETS]
    assert after.features(month).drop(columns=labels).equals(before.features(month).drop(columns=labels))
    # The first label of the previous month is the same in both dumps.
    earlier = shift(month, -1)
    assert (
        after.features(earlier)
        .drop(columns=labels[1:])
        .equals(before.features(earlier).drop(columns=labels[1:]))
    )


@cache
def two_dumps(month: str) -> tuple[dict[str, pa.Table], dict[str, pa.Table]]:
    """Return a dump, and the same one with everything rewritten that is dated after a month."""
    recorded = dump(SAMPLE.opportunities, SAMPLE.seed)
    return recorded, rewritten_after(recorded, month, seed=7)


@pytest.mark.parametrize("table", RAW_TABLES, ids=lambda table: table.name)
def test_rewriting_what_is_later_changes_every_date_column_and_nothing_of_what_was_known(
    table: RawTable,
) -> None:
    month = "2023-06"
    recorded, rewritten = two_dumps(month)
    was, now = (dump_as_of(tables, month)[table.name] for tables in (recorded, rewritten))
    places = [name for name in table.names if name != SOURCE_ROW.name]
    order = [(name, "ascending") for name in places]
    assert now.select(places).sort_by(order) == was.select(places).sort_by(order)
    for column in table.columns:
        if column.dtype == "date":
            before, after = (
                later(tables[table.name][column.name], month) for tables in (recorded, rewritten)
            )
            assert before
            assert before != after


@dataclass(frozen=True)
class Export:
    """What a replay exports of a dump as of a month: the raw tables of both."""

    month: str
    whole: dict[str, pa.Table]
    then: dict[str, pa.Table]


@pytest.fixture(scope="module", params=["2022-12", "2023-06", "2023-12"])
def export(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Export:
    folder = tmp_path_factory.mktemp("export")
    there = CsvFolder(write_tables(folder / "dump", dump(SAMPLE.opportunities, SAMPLE.seed)), "test")
    export_as_of(there, folder / "then", request.param)
    whole, then = (
        {name: taken.rows for name, taken in source.take(*RAW_TABLES).items()}
        for source in (there, CsvFolder(folder / "then", "test"))
    )
    return Export(request.param, whole, then)


@pytest.mark.parametrize("table", RAW_TABLES, ids=lambda table: table.name)
def test_what_a_replay_exports_of_a_month_is_dated_by_its_end(table: RawTable, export: Export) -> None:
    month, whole, then = export.month, export.whole[table.name], export.then[table.name]
    assert whole.num_rows
    for column in table.columns:
        if column.dtype == "date" and column.name not in table.undated:
            assert later(then[column.name], month) == []
            assert month == MONTHS[-1] or later(whole[column.name], month)
    if not table.dated_by:
        assert then == whole


def later(dates: pa.ChunkedArray, month: str) -> list[date]:
    """Return the dates after a month's end, in order."""
    return sorted(day for day in dates.to_pylist() if day and day > month_end(month))


def test_the_order_of_the_rows_of_a_dump_leaves_the_files_of_a_month() -> None:
    month = MONTHS[9]
    assert files(deals()[::-1], [month]) == {month: files_as_they_were()[month]}
