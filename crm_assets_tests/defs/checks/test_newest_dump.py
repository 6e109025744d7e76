"""Whoever makes the tables from an older dump than the newest one is told so."""

from __future__ import annotations

from pathlib import Path

from crm_assets.crm.months import month_end
from crm_assets.crm.schema import RAW_TABLES
from crm_assets.defs.dumps import newer_dump
from crm_assets.sources.sample import SyntheticSample
from crm_assets.storage.archive import Archive
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore
from dev.dumps import as_of, dump_of


def test_an_older_dump_than_the_newest_is_told_with_both_days(tmp_path: Path) -> None:
    store, whole = TableStore(Folder(tmp_path / "tables")), dump_of(SyntheticSample(300, seed=1))
    assert newer_dump(Archive(store)) == ""
    told = {}
    for month in ("2023-12", "2023-10"):
        dump = as_of(whole, month)
        Archive(store).add(dump, month_end(month))
        for table in RAW_TABLES:
            store.write(table.name, dump[table.name], table.arrow)
        told[month] = newer_dump(Archive(store))
    assert told["2023-12"] == ""
    assert told["2023-10"].startswith(
        "The tables come from the dump of 2023-10-31, and the archive has a newer one, of 2023-12-31: "
    )
