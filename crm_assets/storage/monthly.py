"""Tables of many months: stored, as data frames made one by one, or as one query for all months."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm.deals import MONTHS, SNAPSHOT_MONTH
from crm_assets.crm.frames import Frames
from crm_assets.crm.monthly import MonthlyQuery
from crm_assets.crm.schema import as_given
from crm_assets.engine.order import in_order, is_in_order, keeps_order, sort_keys
from crm_assets.storage.coded import as_declared

if TYPE_CHECKING:
    from crm_assets.storage.tables import TableStore

# The most rows that one run of a query reads or gives, so that memory does not grow with the months.
ROWS_AT_ONCE = 400_000
# A larger month is streamed; a smaller one stays in memory, a few hundred MB, while it is written.
ROWS_HELD = 2_000_000
# Reading a table into memory pays off if the months together read this many rows of it.
HOLDING_PAYS = 1_000_000
# How many files wait for the disk or the network at once.
MONTHS_UNDER_WAY = 4
ROWS_PER_BATCH = 262_144

MONTH = SNAPSHOT_MONTH.name


class MonthlyTables(Mapping[str, ir.Table]):
    """Stored months of a table, as expressions by month: the input of a monthly asset.

    Attributes:
        store: the store that holds them.
        name: the table's name.
        months: which of its months, `YYYY-MM`.
    """

    def __init__(self, store: TableStore, name: str, months: Iterable[str]) -> None:
        self.store, self.name, self.months = store, name, list(months)

    def __getitem__(self, month: str) -> ir.Table:
        """Return the expression of a month."""
        if month not in self.months:
            raise KeyError(month)
        return self.store.read(self.name, [month])

    def __iter__(self) -> Iterator[str]:
        """Iterate over the months."""
        return iter(self.months)

    def __len__(self) -> int:
        """Return how many months there are."""
        return len(self.months)


class MonthlyFrames(Frames):
    """Data frames by month, `YYYY-MM`: what a monthly asset returns or takes."""


@dataclass(frozen=True)
class Batches:
    """Rows in batches, with one way to read them that is always in order and faster ways that may fail.

    Attributes:
        sure: gives the rows in order.
        hopeful: faster ways, which raise `OutOfOrderError` if the order is wrong.
    """

    sure: Callable[[], Iterator[pa.Table]]
    hopeful: tuple[Callable[[], Iterator[pa.Table]], ...] = ()


def write_query(
    store: TableStore, name: str, query: MonthlyQuery, schema: pa.Schema
) -> Iterator[tuple[str, int]]:
    """Store the months of a query; yield each month and its row count, in order."""
    if not query.months:
        return
    # Made here, since otherwise each thread would make its own.
    engine, _ = store.engine, store.files.draft()
    run = _Run(store, name, query, schema)
    with (
        run.inputs(),
        engine.side_by_side(run.most_at_once()) as at_once,
        ThreadPoolExecutor(at_once) as makers,
        # Separate threads, since they mostly wait for the disk or the network.
        ThreadPoolExecutor(MONTHS_UNDER_WAY) as keepers,
    ):
        chunks = run.chunks(at_once)

        def make(months: list[str]) -> list[tuple[str, int, Future[None]]]:
            made = run.chunk(months)
            return [
                (month, rows, keepers.submit(store.keep, draft, name, month)) for month, draft, rows in made
            ]

        jobs = {number: makers.submit(make, chunks[number]) for number in run.largest_first(chunks)}
        for number in sorted(jobs):
            for month, rows, kept in jobs.pop(number).result():
                kept.result()
                yield month, rows


class _Run:
    """A query, compiled for the engine of a store, with what it needs to run for some months."""

    def __init__(self, store: TableStore, name: str, query: MonthlyQuery, schema: pa.Schema) -> None:
        self.store, self.name, self.query = store, name, query
        self.expression = query.expression
        self.schema = as_given(schema, self.expression.columns)
        sort: Any = self.expression.op()
        # Rows mostly come in order, and checking that is faster than sorting.
        self.unsorted = sort.parent.to_expr()
        self.keys = sort_keys(self.expression)
        self.sql = str(store.engine.compile(self.unsorted))
        self.in_order = store.engine_name == "duckdb" and keeps_order(sort.parent)
        self.rows = self._rows()

    def _rows(self) -> dict[str, int]:
        """Return an upper limit of the rows that each month reads or gives."""
        stored = self.query.stored
        if stored is not None:
            return {month: self.store.rows(stored.name, month) for month in self.query.months}
        tables = self.expression.op().find(ops.DatabaseTable)
        counts = [table.to_expr().count().to_pyarrow().as_py() for table in tables]
        return dict.fromkeys(self.query.months, max(counts, default=0))

    @contextmanager
    def inputs(self) -> Generator[None]:
        """Keep in memory what every month reads, if that pays off and fits."""
        rows = list(self.rows.values())
        with ExitStack() as held:
            if self.query.stored is None and sum(rows) > HOLDING_PAYS and max(rows) <= ROWS_HELD:
                for table in self.expression.op().find(ops.DatabaseTable):
                    held.enter_context(self.store.engine.held(table.name))
            yield

    def most_at_once(self) -> int:
        """How many months memory allows: the engine holds large ones that it has to sort."""
        return len(self.rows) if self.in_order or max(self.rows.values()) <= ROWS_HELD else 1

    def chunks(self, at_once: int) -> list[list[str]]:
        """Group the months that run together, with work for every session if there are enough."""
        most = min(ROWS_AT_ONCE, -(-sum(self.rows.values()) // at_once))
        chunks: list[list[str]] = [[]]
        for month in self.query.months:
            if chunks[-1] and self._rows_of([*chunks[-1], month]) > most:
                chunks.append([])
            chunks[-1].append(month)
        return chunks

    def largest_first(self, chunks: list[list[str]]) -> list[int]:
        """Return the numbers of the chunks, largest first, so that the last one to run is short."""
        return sorted(range(len(chunks)), key=lambda number: self._rows_of(chunks[number]), reverse=True)

    def _rows_of(self, months: list[str]) -> int:
        return sum(self.rows[month] for month in months)

    def chunk(self, months: list[str]) -> list[tuple[str, Path, int]]:
        """Compute some months; return each month with its draft and row count."""
        with self.store.engine.session() as session:
            calendar = self.query.calendar
            session.put(MONTHS.name, calendar.filter(pc.is_in(calendar[MONTH], pa.array(months))))
            if self.query.stored is not None:
                session.put_files(self.query.stored.name, self.store.paths(self.query.stored.name, months))
            if len(months) == 1 and self.rows[months[0]] > ROWS_HELD:
                return [self._draft(self._stream(session), months[0])]
            if len(months) == 1:
                return [self._draft(self._sorted(session.whole(self.sql)), months[0])]
            found = session.whole(self.sql)
        # One chunk: copying is faster than picking months from each of many chunks.
        found = found.combine_chunks()
        return [self._draft(self._sorted(found.filter(pc.equal(found[MONTH], m))), m) for m in months]

    def _draft(self, rows: pa.Table | Batches, month: str) -> tuple[str, Path, int]:
        return month, *self.store.draft(self.name, rows, self.schema, month)

    def _sorted(self, rows: pa.Table) -> pa.Table | Batches:
        """Sort the rows of one month, group by group: memory holds them once."""
        keys = [key for key in self.keys if key != MONTH]
        if is_in_order(rows, keys):
            return rows
        order = pc.sort_indices(rows.select(keys), [(key, "ascending") for key in keys])
        names, columns = rows.column_names, rows.columns[::-1]
        del rows
        # Copy column by column and free each one: taking rows from one chunk is much faster.
        whole = pa.table([columns.pop().combine_chunks() for _ in names], names=names)

        def groups() -> Iterator[pa.Table]:
            for start in range(0, len(order), ROWS_PER_BATCH):
                yield as_declared(whole.take(order.slice(start, ROWS_PER_BATCH)), self.schema)

        return Batches(groups)

    def _stream(self, session: Any) -> Batches:
        def batches(sql: str) -> Iterator[pa.Table]:
            for batch in session.batches(sql, ROWS_PER_BATCH, self.schema):
                yield as_declared(pa.Table.from_batches([batch]), self.schema)

        def hopeful() -> Iterator[pa.Table]:
            return in_order(batches(self.sql), self.keys)

        def sure() -> Iterator[pa.Table]:
            return batches(str(self.store.engine.compile(self.expression)))

        return Batches(sure, (hopeful,) if self.in_order else ())
