"""Deals as archived dumps have them: for the snapshots of months, and for their history."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from crm_assets.crm import cleaning
from crm_assets.crm.archive import Dump, Record, consecutive, plan
from crm_assets.crm.deals import OPPORTUNITIES, OPPORTUNITY_ID
from crm_assets.crm.history import (
    CHANGE_RATES,
    FIELD_HISTORY,
    VANISHED,
    change_rates,
    changes,
    compared,
    returned,
)
from crm_assets.crm.monthly import MonthlyQuery
from crm_assets.crm.schema import RAW_SALES_PIPELINE
from crm_assets.crm.snapshots import RECORDED_ON, completed, monthly_snapshots
from crm_assets.storage.archive import FOLDER, Archive

PAIRS = f"{FOLDER}/history"
DIGITS = 16
DEAL = OPPORTUNITY_ID.name


class ArchivedDeals:
    """The cleaned deals of archived dumps, each cleaned once.

    Args:
        archive: where the dumps are.
        first_month: first month of the data; simulated creation days count from its start.
        known: deals of dumps that are cleaned already, by the dump's name.
        columns: the columns of today's deals: snapshots have no other ones, whichever dump they come from.
    """

    def __init__(
        self,
        archive: Archive,
        first_month: str,
        known: dict[str, ir.Table] | None = None,
        columns: Collection[str] = OPPORTUNITIES.names,
    ) -> None:
        self.archive, self.store, self.first_month = archive, archive.store, first_month
        self._known, self._columns = dict(known or {}), columns

    def of(self, dump: Dump) -> ir.Table:
        """Return the deals of a dump: columns of `crm.deals.OPPORTUNITIES`, sorted."""
        if dump.name not in self._known:
            deals = cleaning.opportunities(self.archive.tables(dump), self.first_month)
            self._known[dump.name] = self._kept(deals)
        return self._known[dump.name]

    def snapshots(self, months: Iterable[str], dumps: list[Dump]) -> list[MonthlyQuery]:
        """Return the queries for the snapshots of some months, in order.

        Args:
            months: `YYYY-MM` each.
            dumps: those in use, in order; at least one.
        """
        return [
            monthly_snapshots(self._record(record), served, record.dump.known_on)
            for record, served in plan(months, dumps)
        ]

    def _record(self, record: Record) -> ir.Table:
        later = self._of_today(self.of(record.dump))
        if record.before is None:
            return later
        before = self._of_today(self.of(record.before))
        return self._kept(completed(before, later, record.before.known_on))

    def _of_today(self, deals: ir.Table) -> ir.Table:
        """Return deals with the columns that the CRM has today; empty where a dump lacks one."""
        wanted = OPPORTUNITIES.having(self._columns)
        if set(deals.columns) == set(wanted.names):
            return deals
        types: Any = ibis.Schema.from_pyarrow(wanted.arrow)
        lacks = [name for name in wanted.names if name not in deals.columns]
        whole = deals.mutate(**{name: ibis.null(types[name]) for name in lacks})
        return self._kept(whole.select(wanted.names))

    def _kept(self, deals: ir.Table) -> ir.Table:
        """Write deals to a file of this process, which many queries read faster than they clean."""
        schema = OPPORTUNITIES.having(deals.columns).arrow
        if RECORDED_ON in deals.columns:
            schema = schema.append(pa.field(RECORDED_ON, pa.string()))
        path, _ = self.store.draft(OPPORTUNITIES.name, deals, schema)
        return self.store.engine.read_parquet([str(path)])


class History:
    """What changed between archived dumps. Each pair of dumps is compared once, and the result kept.

    Args:
        deals: the deals of the dumps.
        code: digest of the code that cleans and compares; other code compares anew.
    """

    def __init__(self, deals: ArchivedDeals, code: str) -> None:
        self.deals, self.archive, self.store, self.code = deals, deals.archive, deals.store, code

    def of(self, dumps: list[Dump]) -> tuple[ir.Table | pa.Table, pa.Table]:
        """Return the tables `FIELD_HISTORY` and `CHANGE_RATES`.

        Args:
            dumps: those in use, in order.
        """
        files, rates, back = [], [CHANGE_RATES.arrow.empty_table()], [FIELD_HISTORY.arrow.empty_table()]
        gone: set[str] = set()
        for earlier, later in consecutive(dumps):
            told, counted = self._pair(earlier, later)
            files.append(str(told))
            rates.append(pq.read_table(counted))
            back.append(self._returned(gone, earlier, later))
            vanished = pq.read_table(told, columns=[DEAL], filters=[("moment", "=", VANISHED)])
            gone = (gone - set(back[-1][DEAL].to_pylist())) | set(vanished[DEAL].to_pylist())
        if not files:
            return FIELD_HISTORY.arrow.empty_table(), rates[0]
        changes = self.store.engine.read_parquet(files)
        if any(len(rows) for rows in back):
            changes = changes.union(ibis.memtable(pa.concat_tables(back)))
        return changes.order_by(FIELD_HISTORY.key), pa.concat_tables(rates)

    def _pair(self, earlier: Dump, later: Dump) -> list[Path]:
        """Return the files with the changes between two dumps and their rates."""
        folder = f"{PAIRS}/{self._mark(earlier, later)}"
        schemas = {f"{folder}/{table.name}.parquet": table.arrow for table in (FIELD_HISTORY, CHANGE_RATES)}
        found = [path for path in self.store.files.fetch(list(schemas)) if path]
        if len(found) == len(schemas):
            return found
        both = compared(self.deals.of(earlier), self.deals.of(later), later.known_on)
        days = earlier.known_on, later.known_on
        made = changes(both, *days), change_rates(both, *days)
        for (key, schema), table in zip(schemas.items(), made, strict=True):
            draft, _ = self.store.draft(key, table, schema)
            self.store.files.publish(draft, key)
        return [path for path in self.store.files.fetch(list(schemas)) if path]

    def _returned(self, gone: set[str], earlier: Dump, later: Dump) -> pa.Table:
        if not gone:
            return FIELD_HISTORY.arrow.empty_table()
        deals = self.archive.table(later, RAW_SALES_PIPELINE)
        back = deals.filter(deals[DEAL].isin(sorted(gone))).select(DEAL, stage="deal_stage")
        return returned(back.to_pyarrow(), earlier.known_on, later.known_on)

    def _mark(self, earlier: Dump, later: Dump) -> str:
        tables = [kept.digest for dump in (earlier, later) for _, kept in sorted(dump.tables.items())]
        text = "\n".join([self.code, f"{earlier.known_on}", f"{later.known_on}", *tables])
        return f"{earlier.name}--{later.name}-{hashlib.sha256(text.encode()).hexdigest()[:DIGITS]}"
