"""Readiness: whether a CRM's data is enough, and what comes out of it, before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm import cleaning
from crm_assets.crm.all_features import ALL_FEATURES
from crm_assets.crm.deals import DIMENSIONS
from crm_assets.crm.feature_table import FEATURES
from crm_assets.crm.months import MonthRange, month_end, month_of, shift
from crm_assets.crm.schema import CLOSED_STAGES, RAW_SALES_PIPELINE, RAW_TABLES, SOURCE_ROW, RawTable, Stage
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling.sufficiency import usable_split
from crm_assets.settings import Settings
from crm_assets.sources.quarantine import Sifted, by_rule

# What vendors of such forecasts ask for: won and lost deals within two years.
VENDORS = {"Salesforce": 200, "Dynamics 365": 40}
# The stages whose deals have a value in a column; in others, all deals may have one.
HAVE = {
    "engage_date": (Stage.ENGAGING, *CLOSED_STAGES),
    "close_date": CLOSED_STAGES,
    "close_value": (Stage.WON,),
    "stage_position": (Stage.PROSPECTING, Stage.ENGAGING),
}


@dataclass(frozen=True)
class Readiness:
    """What is known of a dump before anything is computed from it.

    Attributes:
        stages: number of deals by stage.
        open_deals: engaged deals that are open at the end of the last month.
        months: the months of the graph.
        labeled: number of rows that models could learn from, by month, and of those that are won in time.
        empty: share of empty values, 0 to 1, by table and column; only columns with any. Where only deals of
            some stages have a value, the share among these.
        broken: rows set aside and values left out, by table and rule.
        absent: the tables that the CRM does not have.
        lacking: columns of deals that the CRM does not have, without what would be looked up by them.
        left_out: those of the 23 features that the CRM has nothing for.
        further: the features beyond the 23 that it allows.
        no_model: why the data is not enough for a model; empty if it is enough.
        notes: what the source decided about the files, in sentences.
        file: the name of the file of the deals.
    """

    stages: dict[str, int]
    open_deals: int
    months: MonthRange
    labeled: dict[str, tuple[int, int]]
    empty: dict[tuple[str, str], float]
    broken: dict[tuple[str, str], int]
    absent: list[str]
    lacking: list[str]
    left_out: list[str]
    further: list[str]
    no_model: str
    notes: tuple[str, ...] = ()
    file: str = RAW_SALES_PIPELINE.file_name

    @property
    def deals(self) -> int:
        """The number of deals."""
        return sum(self.stages.values())

    def enough_for(self, each: int) -> bool:
        """Return whether there are that many won and that many lost deals."""
        return min(self.stages[stage] for stage in CLOSED_STAGES) >= each

    def check(self) -> None:
        """Refuse a dump from which nothing can be foretold.

        Raises:
            NotEnoughDataError: it has no open, no closed or no won deal, or covers a single month.
        """
        if self.hopeless:
            raise NotEnoughDataError(self.hopeless)

    @property
    def hopeless(self) -> str:
        """Why nothing can be foretold from it; empty if something can."""
        return next(self._reasons(), "")

    def _reasons(self) -> Iterator[str]:
        where = self.file
        if not self.deals:
            yield f"{where} has no deal: export the deals again."
        if not self.open_deals:
            yield (
                f"No deal is open at the end of {self.months.last}, so there is nothing to forecast, and no "
                "model can learn from closed deals alone how long deals stay open: export open deals too."
                + (
                    f" {self.stages[Stage.ENGAGING]:,} open deals begin later, in a month that the data does "
                    "not cover completely."
                    if self.stages[Stage.ENGAGING]
                    else ""
                )
            )
        if not any(self.stages[stage] for stage in CLOSED_STAGES):
            yield f"{where} has no closed deal: a forecast needs won and lost ones; export them too."
        if not self.stages[Stage.WON]:
            yield f"{where} has no won deal: a forecast needs wins to learn from. Export closed deals too."
        if not self.labeled:
            yield (
                f"The deals cover {self.months.first} to {self.months.last}, and no month of these shows "
                "what became of the deals that were open before it: a forecast needs two months or more. "
                "Export older deals too."
            )


def readiness(taken: Mapping[str, Sifted], months: MonthRange, settings: Settings) -> Readiness:
    """Look at the raw tables of a source.

    Args:
        taken: the raw tables by name, as the source gives them.
        months: the months of the graph.
        settings: say how many months a model needs.
    """
    deals = taken[RAW_SALES_PIPELINE.name].rows
    engaged, closed, won = _days(deals)
    last = np.datetime64(month_end(months.last))
    labeled = dict(_labeled(engaged, closed, won, months.last))
    columns = _columns_of_deals(taken, months.first)
    return Readiness(
        stages={
            stage: int(pc.sum(pc.equal(deals["deal_stage"], stage.value)).as_py() or 0) for stage in Stage
        },
        open_deals=int(((engaged <= last) & ~(closed <= last)).sum()),
        months=months,
        labeled=labeled,
        empty=dict(_empty(taken)),
        broken=dict(_broken(taken)),
        absent=[
            table.file_name.removesuffix(".csv").replace("_", " ")
            for table in RAW_TABLES
            if not table.is_there(taken[table.name].rows_read)
        ],
        lacking=[
            column.name
            for column in DIMENSIONS
            if column.name not in columns and getattr(column, "of", column.name) in (*columns, column.name)
        ],
        left_out=[row.name for row in FEATURES if not row.available(columns)],
        further=[row.name for row in ALL_FEATURES if row not in FEATURES and row.available(columns)],
        no_model=_no_model(labeled, settings),
        notes=(*(note for one in taken.values() for note in one.notes), *_entered_late(taken)),
        file=_file(taken, RAW_SALES_PIPELINE),
    )


def _file(taken: Mapping[str, Sifted], table: RawTable) -> str:
    """Return the name of the file that a table comes from."""
    return taken[table.name].file or table.file_name


def _entered_late(taken: Mapping[str, Sifted]) -> Iterator[str]:
    """Yield a note on deals that were created after they had closed, as when a CRM is migrated."""
    deals = taken[RAW_SALES_PIPELINE.name].rows
    if "engage_date" in deals.column_names:
        return
    closed = pc.is_valid(deals["close_date"])
    late = pc.sum(pc.less(deals["close_date"], deals["created_date"])).as_py() or 0
    if late:
        yield (
            f"{_file(taken, RAW_SALES_PIPELINE)}: {late:,} of {pc.sum(closed).as_py():,} closed deals were "
            "created after they had closed. They count as won or lost, but models do not learn from them: "
            "nobody saw them open. After a migration, name the column with the day of the old CRM as "
            "created_date."
        )


def _days(deals: pa.Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return when deals were engaged and closed, not a time if they were not, and whether they are won."""
    start = deals["engage_date" if "engage_date" in deals.column_names else "created_date"]
    stages = pc.equal(deals["deal_stage"], Stage.WON.value)
    return start.to_numpy(), deals["close_date"].to_numpy(), stages.to_numpy()


def _labeled(
    engaged: np.ndarray, closed: np.ndarray, won: np.ndarray, last: str
) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield each labeled month with its open deals and how many of them are won in time."""
    there = closed[~np.isnat(closed)]
    if not len(there):
        return
    first = shift(month_of(there.min().astype("datetime64[D]").item()), -1)
    for month in DEFAULT_TARGET.labeled(MonthRange(first, last), last):
        end, until = (np.datetime64(month_end(m)) for m in (month, DEFAULT_TARGET.last_month(month)))
        open_then = (engaged <= end) & ~(closed <= end)
        if count := int(open_then.sum()):
            yield month, (count, int((open_then & won & (closed <= until)).sum()))


def _no_model(labeled: Mapping[str, tuple[int, int]], settings: Settings) -> str:
    deals, wins = ({month: pair[at] for month, pair in labeled.items()} for at in (0, 1))
    try:
        usable_split(deals, wins, settings.min_training_months, settings.test_months)
    except NotEnoughDataError as reason:
        return str(reason)
    return ""


def _columns_of_deals(taken: Mapping[str, Sifted], first_month: str) -> list[str]:
    """Return the columns that `opportunities` will have."""
    none = {name: ibis.memtable(one.rows.slice(0, 0)) for name, one in taken.items()}
    return list(cleaning.opportunities(none, first_month).columns)


def _empty(taken: Mapping[str, Sifted]) -> Iterator[tuple[tuple[str, str], float]]:
    for table in RAW_TABLES:
        rows = taken[table.name].rows
        for name in rows.column_names:
            if name == SOURCE_ROW.name or not rows[name].null_count:
                continue
            values = rows[name]
            if table == RAW_SALES_PIPELINE and name in HAVE:
                stages = pa.array([stage.value for stage in HAVE[name]])
                values = values.filter(pc.is_in(rows["deal_stage"], stages))
            if values.null_count:
                yield (_file(taken, table), name), values.null_count / len(values)


def _broken(taken: Mapping[str, Sifted]) -> Iterator[tuple[tuple[str, str], int]]:
    for table in RAW_TABLES:
        for row in by_rule(taken[table.name].quarantined).to_dict("records"):
            yield (_file(taken, table), f"{row['rule']}, set aside"), int(row["rows"])
        for one in taken[table.name].told:
            yield (_file(taken, table), f"{one.rule}, value left out"), one.rows
