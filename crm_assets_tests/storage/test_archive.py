"""The archive: every dump whole and unchanged, an unchanged table stored once, nothing half written."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from crm_assets.crm.schema import RAW_PRODUCTS, RAW_SALES_PIPELINE, RAW_TABLES
from crm_assets.errors import HomeError, StorageError
from crm_assets.settings import Settings
from crm_assets.sources.sample import SyntheticSample
from crm_assets.storage import archive as module
from crm_assets.storage.archive import Archive
from crm_assets.storage.files import Files
from crm_assets.storage.folder import Folder
from crm_assets.storage.home import Home
from crm_assets.storage.tables import TableStore
from crm_assets_tests.storage.conftest import open_again
from dev.dumps import as_of, dump_of

SAMPLE = SyntheticSample(300, seed=1)
NOVEMBER, DECEMBER = date(2023, 11, 30), date(2023, 12, 31)


def contents(files: Files) -> dict[str, bytes]:
    keys = files.keys("archive")
    return {key: path.read_bytes() for key, path in zip(keys, files.fetch(keys), strict=True) if path}


def test_a_dump_comes_back_as_it_was(store: TableStore) -> None:
    dump = dump_of(SAMPLE)
    Archive(store).add(dump, DECEMBER)
    [kept] = Archive(TableStore(open_again(store.files))).dumps()
    assert (kept.name, kept.known_on) == ("2023-12-31", DECEMBER)
    for name, rows in dump.items():
        assert pq.read_table(Archive(store).file(kept, name)).equals(rows)


def test_an_unchanged_table_is_stored_once_and_an_unchanged_dump_not_again(store: TableStore) -> None:
    archive, whole = Archive(store), dump_of(SAMPLE)
    archive.add(as_of(whole, "2023-11"), NOVEMBER)
    before = contents(store.files)
    archive.add(whole, DECEMBER)
    after = contents(store.files)
    assert {key: after[key] for key in before} == before
    new = sorted(after.keys() - before.keys())
    assert len(new) == 2
    assert "dumps/2023-12-31-1-" in new[0]
    assert "tables/raw_sales_pipeline/" in new[1]
    archive.add(dict(whole), DECEMBER)
    assert contents(store.files) == after


def test_a_second_dump_of_a_day_stands_beside_the_first(store: TableStore) -> None:
    archive, whole = Archive(store), dump_of(SAMPLE)
    archive.add(as_of(whole, "2023-11"), DECEMBER)
    archive.add(whole, DECEMBER)
    assert [dump.name for dump in archive.dumps()] == ["2023-12-31", "2023-12-31-2"]


@pytest.mark.parametrize("stop", range(6))
def test_a_run_that_fails_leaves_no_entry_and_the_next_one_completes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    files, whole = Folder(tmp_path / "tables"), dump_of(SAMPLE)
    publish, left = Folder.publish, [stop]

    def failing(self: Folder, draft: Path, key: str) -> None:
        if not left[0]:
            raise StorageError("The disk is full.")
        left[0] -= 1
        publish(self, draft, key)

    monkeypatch.setattr(Folder, "publish", failing)
    with pytest.raises(StorageError, match="full"):
        Archive(TableStore(files)).add(whole, DECEMBER)
    monkeypatch.setattr(Folder, "publish", publish)
    assert Archive(TableStore(files)).dumps() == []
    kept = Archive(TableStore(files)).add(whole, DECEMBER)
    assert Archive(TableStore(files)).dumps() == [kept]


def test_an_older_dump_may_lack_columns_and_tables_of_today(tmp_path: Path) -> None:
    archive, whole = Archive(TableStore(Folder(tmp_path / "tables"))), dump_of(SAMPLE)
    kept = archive.add(whole, DECEMBER)
    path = archive.file(kept, RAW_PRODUCTS.name)
    lacking = path.with_name("lacking.parquet")
    pq.write_table(whole[RAW_PRODUCTS.name].drop_columns(["series"]), lacking)
    mark = module.digest(lacking)
    lacking.rename(path.with_name(f"{mark}.parquet"))
    own = replace(kept.tables[RAW_PRODUCTS.name], digest=mark)
    rows = archive.table(replace(kept, tables={RAW_PRODUCTS.name: own}), RAW_PRODUCTS).to_pyarrow()
    assert rows.column_names == ["product", "sales_price", "source_row"]
    older = type(kept)(kept.known_on, 1, {n: k for n, k in kept.tables.items() if n != RAW_PRODUCTS.name})
    assert archive.table(older, RAW_PRODUCTS).to_pyarrow().num_rows == 0


def test_it_knows_which_dump_the_stored_raw_tables_are(tmp_path: Path) -> None:
    store, whole = TableStore(Folder(tmp_path / "tables")), dump_of(SAMPLE)
    earlier = Archive(store).add(as_of(whole, "2023-11"), NOVEMBER)
    later = Archive(store).add(whole, DECEMBER)
    for table in RAW_TABLES:
        store.write(table.name, whole[table.name], table.arrow)
    assert (Archive(store).holds(earlier), Archive(store).holds(later)) == (False, True)


def test_a_lost_or_damaged_table_and_a_broken_entry_are_told(tmp_path: Path) -> None:
    store = TableStore(Folder(tmp_path / "tables"))
    kept = Archive(store).add(dump_of(SAMPLE), DECEMBER)
    Archive(store).file(kept, RAW_SALES_PIPELINE.name).unlink()
    with pytest.raises(StorageError, match=r"is missing, a table of the dump of 2023-12-31: archive"):
        Archive(store).file(kept, RAW_SALES_PIPELINE.name)
    # One changed byte, of which a reader of parquet may see nothing.
    products = Archive(store).file(kept, RAW_PRODUCTS.name)
    content = bytearray(products.read_bytes())
    content[len(content) // 3] ^= 255
    products.write_bytes(content)
    with pytest.raises(StorageError, match=r"is damaged, a table of the dump of 2023-12-31: archive"):
        Archive(store).table(kept, RAW_PRODUCTS)
    assert Archive(store).add(dump_of(SAMPLE), DECEMBER) == kept
    assert Archive(store).table(kept, RAW_PRODUCTS).count().execute() == kept.tables[RAW_PRODUCTS.name].rows
    [entry] = (tmp_path / "tables" / module.ENTRIES).iterdir()
    entry.write_text("{}")
    with pytest.raises(StorageError, match=r"is not an entry of the archive .*: restore the file"):
        Archive(store).dumps()


def test_dumps_of_a_day_that_two_processes_archive_at_once_have_names_of_their_own(tmp_path: Path) -> None:
    store, whole = TableStore(Folder(tmp_path / "tables")), dump_of(SAMPLE)
    other = Archive(TableStore(Folder(tmp_path / "other")))
    Archive(store).add(whole, DECEMBER)
    other.add(as_of(whole, "2023-11"), DECEMBER)
    shutil.copytree(tmp_path / "other", tmp_path / "tables", dirs_exist_ok=True)
    names = [dump.name for dump in Archive(store).dumps()]
    assert names == ["2023-12-31", "2023-12-31-2"]
    assert Archive(store).add(whole, NOVEMBER).name == "2023-11-30"


def test_the_archive_belongs_to_the_source_of_the_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    files = Folder(tmp_path / "tables")

    def of(sample: SyntheticSample) -> Archive:
        return Archive(TableStore(files, owner=Home(files, sample, settings)))

    of(SAMPLE).add(dump_of(SAMPLE), DECEMBER)
    other = SyntheticSample(300, seed=2)
    with pytest.raises(HomeError, match="holds the tables of sample:300-seed-1"):
        of(other).add(dump_of(other), DECEMBER)
    with pytest.raises(HomeError):
        of(other).dumps()
