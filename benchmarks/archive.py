"""`python -m benchmarks.archive [DEALS] [DUMPS]`: measure an archive of monthly dumps.

Each month, an equal part of a sample's closings happens; 60 % of the open deals have no account. Each dump
is archived and compared with the one before. The results go to a section of benchmarks/README.md.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.report import TABLES, write_section
from crm_assets.crm.history import CHANGE_RATES, FIELD_HISTORY
from crm_assets.crm.months import month_end, shift
from crm_assets.crm.schema import RAW_SALES_PIPELINE, Stage
from crm_assets.sources.sample import SyntheticSample
from crm_assets.storage.archive import FOLDER, Archive
from crm_assets.storage.archived_deals import ArchivedDeals, History
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore
from dev.dumps import dump_of

DEALS, DUMPS, SEED = 880_000, 24, 7
FIRST_MONTH, HIDDEN = "2022-01", 0.6
CLOSING = ("close_date", "close_value")


def dumps(deals: int, count: int) -> Iterator[dict[str, pa.Table]]:
    """Yield monthly dumps of one CRM: the deals that close later are open, and most lack their account."""
    whole = dump_of(SyntheticSample(deals, SEED))
    pipeline = whole[RAW_SALES_PIPELINE.name]
    closed = np.flatnonzero(pipeline["close_date"].is_valid().to_numpy(zero_copy_only=False))
    days = pipeline["close_date"].take(pa.array(closed)).cast(pa.int32()).to_numpy()
    place = np.full(pipeline.num_rows, -1.0)
    place[closed[np.argsort(days, kind="stable")]] = np.arange(len(closed)) / len(closed)
    hidden = np.random.default_rng(SEED).random(pipeline.num_rows) < HIDDEN
    for number in range(count):
        later = place >= (number + 1) / count
        is_open = later | (place < 0)
        stage = pc.if_else(pa.array(later), Stage.ENGAGING.value, pipeline["deal_stage"])
        changed = {"deal_stage": stage, "account": _without(pipeline["account"], is_open & hidden)}
        changed |= {name: _without(pipeline[name], later) for name in CLOSING}
        columns = [changed.get(name, pipeline[name]) for name in pipeline.column_names]
        yield whole | {RAW_SALES_PIPELINE.name: pa.table(columns, schema=pipeline.schema)}


def _without(column: pa.ChunkedArray, rows: np.ndarray) -> pa.ChunkedArray:
    return pc.if_else(pa.array(rows), pa.scalar(None, column.type), column)


def report(deals: int, rows: list[dict[str, float]], changes: int) -> str:
    """Return the results as Markdown: the first dumps, one in the middle, and the last."""
    shown = sorted({0, 1, len(rows) // 2, len(rows) - 1})
    lines = [
        f"{deals:,} deals in each dump.",
        "",
        "| dump | archived, CPU s | new bytes | archive, MB | compared with the one before, CPU s |",
        "| --- | --- | --- | --- | --- |",
    ]
    for number in shown:
        row = rows[number]
        cells = f"{row['add']:.1f} | {row['new']:,.0f} | {row['total'] / 1e6:.1f} | {row['compare']:.1f}"
        lines.append(f"| {number + 1} | {cells} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    lines += [
        "",
        f"The table `field_history` of all dumps has {changes:,} rows. Peak memory: {peak:,.0f} MB, of which "
        "making the sample takes a part.",
    ]
    return "\n".join(lines)


def main(deals: int, count: int) -> None:
    """Archive dumps one by one, and write the section."""
    rows, changes = [], 0
    with tempfile.TemporaryDirectory() as folder:
        store = TableStore(Folder(Path(folder) / "tables"), scratch_root=Path(folder) / "scratch")
        archive = Archive(store)
        for number, dump in enumerate(dumps(deals, count)):
            before, start = _size(Path(folder) / "tables"), time.process_time()
            archive.add(dump, month_end(shift(FIRST_MONTH, number)))
            added, size = time.process_time() - start, _size(Path(folder) / "tables")
            start = time.process_time()
            table, rates = History(ArchivedDeals(archive, FIRST_MONTH), "benchmark").of(archive.dumps())
            changes = store.write(FIELD_HISTORY.name, table, FIELD_HISTORY.arrow)
            store.write(CHANGE_RATES.name, rates, CHANGE_RATES.arrow)
            rows.append(
                {"add": added, "new": size - before, "total": size, "compare": time.process_time() - start}
            )
            print(f"{number + 1} of {count}: {rows[-1]}", flush=True)
    text = report(deals, rows, changes)
    print(text)
    write_section("archive", text, TABLES)


def _size(folder: Path) -> int:
    """Return the bytes of the archived dumps; what is read from them is not counted."""
    found = [*(folder / FOLDER / "dumps").rglob("*.*"), *(folder / FOLDER / "tables").rglob("*.*")]
    return sum(path.stat().st_size for path in found)


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    main(*(given + [DEALS, DUMPS][len(given) :]))
