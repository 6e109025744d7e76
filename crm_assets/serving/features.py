"""Features of posted deals: the expressions of the batch, with the stored aggregates of the month."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import ibis
import pyarrow as pa

from crm_assets.crm import as_of, cleaning
from crm_assets.crm.deals import MONTHS
from crm_assets.crm.features import deals_with_features
from crm_assets.crm.monthly import unbound
from crm_assets.crm.months import shift
from crm_assets.crm.names import meant
from crm_assets.crm.schema import RAW_SALES_PIPELINE, Stage
from crm_assets.crm.snapshots import month_rows, snapshots
from crm_assets.crm.tables import MONTHLY_SNAPSHOTS
from crm_assets.engine.duckdb import connect
from crm_assets.engine.rows import Lookup, Row, RowQuery
from crm_assets.modeling import forecast
from crm_assets.storage.tables import TableStore

DEAL = "opportunity_id"
# How many spellings that no table lists are remembered.
MOST_SPELLINGS = 10_000
WHAT = {"sales_agent": "agent", "product": "product", "account": "account"}


class Names:
    """What each spelling of a product, agent or account means, as `crm.names.meant` finds it."""

    def __init__(self, column: str, listed: pa.Table) -> None:
        self._column, self._listed = column, listed.select([column])
        # An engine of its own: others may be in use by another thread.
        self._engine, self._lock = connect("200MB"), threading.Lock()
        self._known: dict[str, str | None] = {}
        self.learn(self._own())

    def learn(self, spelled: set[str]) -> None:
        """Look up spellings that were not seen before, all in one query."""
        if spelled <= self._known.keys():
            return
        with self._lock:
            self._learn(spelled)

    def _learn(self, spelled: set[str]) -> None:
        new = spelled - self._known.keys()
        if len(self._known) > MOST_SPELLINGS:
            new = new | self._own()
        given = ibis.memtable(pa.table({"spelled": pa.array(sorted(new), "string")}))
        listed = ibis.memtable(self._listed)
        found = self._engine.to_pyarrow(meant(given["spelled"], listed[self._column])).to_pydict()
        learned = dict(zip(found["name"], found["means"], strict=True))
        # Replaced and not changed: another thread may read it now.
        self._known = learned if len(self._known) > MOST_SPELLINGS else self._known | learned

    def _own(self) -> set[str]:
        return {str(name) for name in self._listed[self._column].to_pylist() if name is not None}

    def row(self, key: Row) -> Row | None:
        """Return the row of the table of meanings for a spelling."""
        return {"name": key["name"], "means": self._known.get(key["name"])}

    def means(self, spelled: str) -> str | None:
        """Return the listed name that a spelling means; None if there is none."""
        return self._known.get(spelled)


class OnlineFeatures:
    """The features and values of posted deals as of the end of one month.

    Attributes:
        month: the month, `YYYY-MM`.
        columns: the fields of a deal that this CRM has.
    """

    def __init__(self, store: TableStore, month: str) -> None:
        """Read the aggregates of the month from its snapshot, and the tables that names are looked up in.

        Raises:
            StorageError: a table is not stored.
        """
        self.month = month
        snapshot = store.read(MONTHLY_SNAPSHOTS.name, [month])
        pipeline = RAW_SALES_PIPELINE.having(store.schema(RAW_SALES_PIPELINE.name).names)
        self.columns = pipeline.names
        raw = {RAW_SALES_PIPELINE.name: unbound(pipeline)}
        lookups = {MONTHS.name: Lookup(month_rows([month]).to_pylist())}
        meanings, self._names = {}, {}
        for table in cleaning.LOOKUPS:
            listed = store.engine.to_pyarrow(store.read(table.name))
            raw[table.name] = ibis.table(ibis.Schema.from_pyarrow(listed.schema), name=table.name)
            lookups[table.name] = Lookup(listed.to_pylist())
            (column,) = table.key
            if column in self.columns:
                self._names[column] = Names(column, listed)
                meanings[column] = ibis.table({"name": "string", "means": "string"}, name=f"means_{column}")
                lookups[f"means_{column}"] = Lookup([], self._names[column].row)
        known = {}
        for name, counted in as_of.aggregates(snapshot).items():
            known[name] = ibis.table(counted.schema(), name=f"known_{name}")
            rows = store.engine.to_pyarrow(counted).to_pylist()
            lookups[f"known_{name}"] = Lookup(rows, None if name == as_of.TOTALS else newcomer(name))
        self._known = {name: {row[name] for row in lookups[f"known_{name}"].rows} for name in self._names}
        usual = {}
        for name, counted in forecast.usual_values(snapshot).items():
            usual[name] = ibis.table(counted.schema(), name=f"usual_{name}")
            lookups[f"usual_{name}"] = Lookup(store.engine.to_pyarrow(counted).to_pylist())
        # Simulated days do not matter: only deals with an engage date have features.
        cleaned = cleaning.opportunities(raw, shift(month, -12), meanings)
        deals = snapshots(cleaned, unbound(MONTHS))
        self._features = RowQuery(deals_with_features(deals, unbound(MONTHS), known), pipeline.name, lookups)
        self._values = RowQuery(forecast.values_of(deals, usual), pipeline.name, lookups)

    def of(self, deals: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[int]]:
        """Return the features of deals, and which of them are not open at the month's end.

        Args:
            deals: fields of `sales_pipeline.csv`; a field that is missing is null.

        Returns:
            One row per open deal, in order, with `expected_value`; and the places of the others.
        """
        for column, names in self._names.items():
            names.learn({deal[column] for deal in deals if deal.get(column) is not None})
        rows, left_out = [], []
        for place, deal in enumerate(deals):
            given = {"deal_stage": Stage.ENGAGING.value, **deal}
            found = self._features(given)
            if found is None:
                left_out.append(place)
                continue
            value = self._values(given)
            rows.append(found | {"expected_value": 0.0 if value is None else value["expected_value"]})
        return rows, left_out

    def warnings(self, deal: Mapping[str, Any]) -> list[str]:
        """Say which names of a deal are unknown, and what counts instead."""
        told = []
        for column, names in self._names.items():
            spelled, what = deal.get(column), WHAT[column]
            if spelled is None:
                continue
            name = names.means(spelled)
            if name is None:
                told.append(
                    f"The {what} is in no table of this CRM: nothing else is known of it, and it counts as "
                    "new, with the win rate of all deals."
                )
            elif name not in self._known[column]:
                told.append(
                    f"The {what} had no deal by the end of {self.month}: it counts as new, with the win "
                    "rate of all deals."
                )
        return told


def newcomer(who: str) -> Any:
    """Return the function that makes the record of a name without deals: this one is open, none is closed."""

    def row(key: Row) -> Row:
        return {**key, f"{who}_wins": 0, f"{who}_closed": 0, f"{who}_open": 1}

    return row
