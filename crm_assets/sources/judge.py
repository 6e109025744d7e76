"""The one judge of raw data: it reads tables, each file once, and separates good rows from bad ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from crm_assets.crm.raw_rules import rules_of
from crm_assets.crm.rules import Rule, applicable
from crm_assets.crm.schema import RAW_TABLES, SOURCE_ROW, RawTable
from crm_assets.errors import BadInputError
from crm_assets.sources.csv_file import FileText
from crm_assets.sources.faults import Fault
from crm_assets.sources.parsing import parse_table
from crm_assets.sources.quarantine import Sifted, with_reasons

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

# Reads a table's file; gives None if an optional table has no file.
Read = Callable[[RawTable], FileText | None]


def take(tables: Iterable[RawTable], read: Read, *, quarantines: bool) -> dict[str, Sifted]:
    """Read tables, each file once, and judge their rows by the rules that must hold.

    It also reads and judges the tables that these rules look into.

    Args:
        tables: which tables.
        read: reads one file.
        quarantines: whether rows that break a rule are quarantined.

    Returns:
        The wanted tables by name.

    Raises:
        BadInputError: a rule is broken and the source does not quarantine, or no row of a table is left.
    """
    wanted = list(tables)
    # Imported here, since a code location that reads no source needs no engine.
    from crm_assets.engine.duckdb import connect

    engine = connect()
    try:
        judge = _Judge(engine, read, quarantines)
        sifted = {table.name: judge.sift(table) for table in _with_lookups(wanted)}
    finally:
        engine.disconnect()
    return {table.name: sifted[table.name] for table in wanted}


def faults(table: ir.Table, rules: list[Rule]) -> Iterator[Fault]:
    """Yield a fault for each rule that a typed raw table breaks, in the order of the rules.

    Args:
        table: the rows, with their numbers.
        rules: resolved rules.
    """
    marked = table.mutate(**{rule.name: rule.broken(table).cast("int64") for rule in rules})
    sums = marked.agg(**{rule.name: marked[rule.name].sum() for rule in rules}).to_pyarrow().to_pylist()[0]
    broken = [rule for rule in rules if sums[rule.name]]
    numbers = table[SOURCE_ROW.name].to_pyarrow().to_numpy() if broken else np.array([], dtype="int64")
    for rule in broken:
        rows = marked.filter(marked[rule.name] == 1).select(SOURCE_ROW.name).to_pyarrow()
        yield Fault.of(rule, np.searchsorted(numbers, np.sort(rows[SOURCE_ROW.name].to_numpy())))


@dataclass
class _Judge:
    """Sifts tables one by one, each after the tables that its rules look into.

    Attributes:
        listed: the tables so far, with all rows of the file.
        kept: the same tables without quarantined rows.
        absent: the names of the tables that the source does not have.
    """

    engine: Backend
    read: Read
    quarantines: bool
    listed: dict[str, ir.Table] = field(default_factory=dict)
    kept: dict[str, ir.Table] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)

    def sift(self, table: RawTable) -> Sifted:
        """Read and judge one table."""
        file = self.read(table)
        if file is None:
            return self._keep(table, Sifted.whole(table.absent))
        typed, unreadable = parse_table(file.text, table)
        if unreadable and not self.quarantines:
            raise BadInputError(unreadable[0].sentence(table, file.text))
        self.listed[table.name] = self._stored(f"all of {table.name}", typed)
        found = [*unreadable, *_of_readable_values(self._faults(table), unreadable)]
        if not found:
            return self._keep(table, Sifted.whole(typed))
        if not self.quarantines:
            raise BadInputError(found[0].sentence(table, file.text))
        sound = np.ones(typed.num_rows, dtype=bool)
        for fault in found:
            sound[fault.positions] = False
        if not sound.any():
            raise BadInputError(
                f"{table.file_name}: every row is bad, so no row is left; correct the file. The first "
                f"fault: {found[0].sentence(table, file.text)}"
            )
        aside = with_reasons(file.original, table, found)
        return self._keep(table, Sifted(typed.filter(pa.array(sound)), aside))

    def _faults(self, table: RawTable) -> list[Fault]:
        rows = self.listed[table.name]
        musts = [rule for rule in rules_of(table) if rule.severity == "must"]
        rules = applicable(musts, rows.columns, self.absent)
        found = list(faults(rows, [rule.resolved(rows, reader(self.listed)) for rule in rules]))
        return [*found, *self._lost(rows, rules, found)] if self.quarantines else found

    def _lost(self, rows: ir.Table, rules: list[Rule], found: list[Fault]) -> Iterator[Fault]:
        """Find names that another table lists only in a quarantined row."""
        looking = [rule for rule in rules if rule.other_table in self.kept]
        lost = [
            replace(
                rule.resolved(rows, reader(self.kept)),
                what=f"is in {_table(rule.other_table).file_name}, but its row is quarantined",
                remedy=f"correct the row of the {rule.blames} there",
            )
            for rule in looking
        ]
        unknown = {fault.rule: fault.positions for fault in found}
        for fault in faults(rows, lost) if lost else ():
            positions = np.setdiff1d(fault.positions, unknown.get(fault.rule, ()))
            if len(positions):
                yield replace(fault, positions=positions)

    def _keep(self, table: RawTable, sifted: Sifted) -> Sifted:
        if not table.is_there(sifted.rows_read):
            self.absent.add(table.name)
        self.kept[table.name] = self._stored(f"sound rows of {table.name}", sifted.rows)
        self.listed.setdefault(table.name, self.kept[table.name])
        return sifted

    def _stored(self, name: str, rows: pa.Table) -> ir.Table:
        # Registered instead of stored: a stored table would be a copy.
        self.engine.con.register(name, rows)
        return self.engine.table(name)


def reader(tables: Mapping[str, ir.Table]) -> Callable[..., ir.Table]:
    """Return a function that gives a rule the tables that it looks into."""
    return lambda name, *, whole_history=False: tables[name]


def _with_lookups(tables: list[RawTable]) -> list[RawTable]:
    """Return tables and the tables that their rules look into, each after the ones that it needs."""
    ordered: list[RawTable] = []
    for table in tables:
        looked_into = {rule.other_table for rule in rules_of(table) if rule.severity == "must"} - {None}
        needed = [_table(name) for name in sorted(map(str, looked_into - {table.name}))]
        ordered += [one for one in [*_with_lookups(needed), table] if one not in ordered]
    return ordered


def _table(name: str | None) -> RawTable:
    return next(table for table in RAW_TABLES if table.name == name)


def _of_readable_values(broken: list[Fault], unreadable: list[Fault]) -> Iterator[Fault]:
    """Leave out unreadable values: they are reported already, and they are not missing."""
    for fault in broken:
        known = [other.positions for other in unreadable if other.column == fault.column]
        positions = np.setdiff1d(fault.positions, np.concatenate(known)) if known else fault.positions
        if len(positions):
            yield replace(fault, positions=positions)
