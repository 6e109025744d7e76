"""The one judge of raw data: it reads tables, each file once, and separates good rows from bad ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm.contract import Unique
from crm_assets.crm.raw_rules import rules_of
from crm_assets.crm.rules import Rule, applicable
from crm_assets.crm.schema import RAW_TABLES, SOURCE_ROW, RawTable
from crm_assets.errors import BadInputError
from crm_assets.sources.csv_file import FileText, ragged_sentence
from crm_assets.sources.faults import Fault
from crm_assets.sources.limits import too_many
from crm_assets.sources.parsing import parse_table
from crm_assets.sources.quarantine import Sifted, Told, with_reasons
from crm_assets.sources.repeats import apart

if TYPE_CHECKING:
    from crm_assets.engine.duckdb import DuckDBEngine

# Reads a table's file; gives None if an optional table has no file.
Read = Callable[[RawTable], FileText | None]


def take(
    tables: Iterable[RawTable], read: Read, *, quarantines: bool, max_bad_share: float = 1.0
) -> dict[str, Sifted]:
    """Read tables, each file once, and judge their rows by the rules that must hold.

    It also reads and judges the tables that these rules look into.

    Args:
        tables: which tables.
        read: reads one file.
        quarantines: whether rows that break a rule are quarantined.
        max_bad_share: the largest share of a table's rows that quarantine takes.

    Returns:
        The wanted tables by name.

    Raises:
        BadInputError: a rule is broken and the source does not quarantine; or too many rows cannot be used,
            and then it names all broken rules of all these tables.
    """
    wanted = list(tables)
    # Imported here, since a code location that reads no source needs no engine.
    from crm_assets.engine.duckdb import connect

    engine = connect()
    try:
        judge = _Judge(engine, read, quarantines, max_bad_share)
        sifted = {table.name: judge.sift(table) for table in _with_lookups(wanted)}
    finally:
        engine.disconnect()
    if judge.refused:
        raise BadInputError(" ".join(judge.refused))
    return {table.name: sifted[table.name] for table in wanted}


def faults(table: ir.Table, rules: list[Rule]) -> Iterator[Fault]:
    """Yield a fault for each rule that a typed raw table breaks, in the order of the rules.

    Args:
        table: the rows, with their numbers.
        rules: resolved rules.
    """
    if not rules:
        return
    marked = table.select(SOURCE_ROW.name, **{rule.name: rule.broken(table) for rule in rules})
    # One query for all rules: a second one would look for repeated keys again.
    bad = (
        marked.filter(ibis.or_(*(marked[rule.name] for rule in rules))).to_pyarrow().sort_by(SOURCE_ROW.name)
    )
    if not bad.num_rows:
        return
    numbers = table[SOURCE_ROW.name].to_pyarrow().to_numpy()
    positions = np.searchsorted(numbers, bad[SOURCE_ROW.name].to_numpy())
    for rule in rules:
        of_rule = bad[rule.name].to_numpy()
        if of_rule.any():
            yield Fault.of(rule, positions[of_rule])


@dataclass
class _Judge:
    """Sifts tables one by one, each after the tables that its rules look into.

    Attributes:
        listed: the tables so far, with all rows of the file.
        kept: the same tables without quarantined rows.
        absent: the names of the tables that the source does not have.
        files: the names of the tables' files.
        refused: why the run must stop, in sentences, if too many rows cannot be used.
    """

    engine: DuckDBEngine
    read: Read
    quarantines: bool
    max_bad_share: float
    listed: dict[str, ir.Table] = field(default_factory=dict)
    kept: dict[str, ir.Table] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    files: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def sift(self, table: RawTable) -> Sifted:
        """Read and judge one table."""
        file = self.read(table)
        if file is None:
            return self._keep(table, Sifted.whole(table.absent))
        parsed = parse_table(file.text, table, file.name, file.forms)
        if file.finish is not None:
            parsed = replace(parsed, rows=file.finish(parsed.rows))
        self.files[table.name] = file.name
        self._list(table, parsed.rows)
        musts = [rule for rule in rules_of(table) if rule.severity == "must"]
        rules = applicable(musts, parsed.rows.column_names, self.absent)
        notes = (*file.notes, *parsed.notes)
        if not self.quarantines:
            self._refuse_first(table, file, parsed.faults, rules)
            return self._keep(table, replace(Sifted.whole(parsed.rows), notes=notes, file=file.name))
        rows, broken = parsed.rows, self._faults(table, rules)
        asides = [rule for rule in rules if rule.then == "aside"]
        ignored = [fault for fault in broken if fault.rule not in {rule.name for rule in asides}]
        if ignored:
            rows = _without_values(rows, ignored)
            self._list(table, rows)
            broken = self._faults(table, asides)
        key = next(rule for rule in rules if isinstance(rule, Unique))
        broken, repeated = apart(broken, file.text, key)
        unusable, unknown = _divided(parsed.faults, broken)
        found = [*unusable, *_of_readable_values(broken, unusable)]
        self.refused += too_many(file, table, found, unknown, self.max_bad_share)
        sound = np.ones(rows.num_rows, dtype=bool)
        for fault in (*found, *repeated):
            sound[fault.positions] = False
        aside = with_reasons(file, table, [*found, *repeated])
        told = tuple(Told.of(fault, file.name, file.text) for fault in (*unknown, *ignored))
        kept = rows if sound.all() else rows.filter(pa.array(sound))
        return self._keep(table, Sifted(kept, aside, told, notes, file.name))

    def _refuse_first(
        self, table: RawTable, file: FileText, unreadable: list[Fault], rules: list[Rule]
    ) -> None:
        """Refuse a table that breaks a rule.

        Raises:
            BadInputError: it does; the message is about the first such rule.
        """
        if file.ragged:
            raise BadInputError(ragged_sentence(file))
        broken = unreadable or self._faults(table, rules)
        if broken:
            raise BadInputError(broken[0].sentence(file.name, file.text))

    def _faults(self, table: RawTable, rules: list[Rule]) -> list[Fault]:
        rows = self.listed[table.name]
        found = list(faults(rows, [rule.resolved(rows, reader(self.listed)) for rule in rules]))
        return [*found, *self._lost(rows, rules, found)] if self.quarantines else found

    def _lost(self, rows: ir.Table, rules: list[Rule], found: list[Fault]) -> Iterator[Fault]:
        """Find names that another table lists only in a quarantined row."""
        looking = [rule for rule in rules if rule.other_table in self.kept]
        lost = [
            replace(
                rule.resolved(rows, reader(self.kept)),
                what=f"is in {self._file(rule.other_table)}, but its row is quarantined",
                remedy=f"correct the row of the {rule.blames} there",
            )
            for rule in looking
        ]
        unknown = {fault.rule: fault.positions for fault in found}
        for fault in faults(rows, lost):
            positions = np.setdiff1d(fault.positions, unknown.get(fault.rule, ()))
            if len(positions):
                yield fault.at(positions)

    def _file(self, name: str | None) -> str:
        return self.files.get(str(name), _table(name).file_name)

    def _keep(self, table: RawTable, sifted: Sifted) -> Sifted:
        if not table.is_there(sifted.rows_read):
            self.absent.add(table.name)
        self.kept[table.name] = self._stored(f"sound rows of {table.name}", sifted.rows)
        self.listed.setdefault(table.name, self.kept[table.name])
        return sifted

    def _list(self, table: RawTable, rows: pa.Table) -> None:
        self.listed[table.name] = self._stored(f"all of {table.name}", rows)

    def _stored(self, name: str, rows: pa.Table) -> ir.Table:
        return self.engine.given(name, rows)


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
            yield fault.at(positions)


def _divided(unreadable: list[Fault], broken: list[Fault]) -> tuple[list[Fault], list[Fault]]:
    """Divide unreadable values into those that a row needs, and those without which it can be used.

    Args:
        unreadable: the unreadable values, which count as missing.
        broken: the broken rules of rows that cannot be used, among them those about missing values.
    """
    needed, spare = [], []
    for fault in unreadable:
        missing = [other.positions for other in broken if other.column == fault.column]
        needs = np.intersect1d(fault.positions, np.concatenate([np.array([], dtype="int64"), *missing]))
        needed += [fault.at(needs)] if len(needs) else []
        rest = np.setdiff1d(fault.positions, needs)
        spare += [fault.at(rest)] if len(rest) else []
    return needed, spare


def _without_values(rows: pa.Table, ignored: list[Fault]) -> pa.Table:
    """Empty the values that are ignored."""
    for fault in ignored:
        mask = np.zeros(rows.num_rows, dtype=bool)
        mask[fault.positions] = True
        at, column = rows.column_names.index(fault.column), rows[fault.column]
        empty = pc.if_else(pa.array(mask), pa.scalar(None, column.type), column)
        rows = rows.set_column(at, rows.schema.field(at), empty)
    return rows
