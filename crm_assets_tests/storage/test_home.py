"""A home belongs to one source: it refuses another source, or moves the former tables away."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest

from crm_assets.crm.months import MonthRange
from crm_assets.errors import HomeError, StorageError
from crm_assets.settings import Settings
from crm_assets.sources.base import Source
from crm_assets.sources.calendar import note
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.kaggle import KaggleDataset
from crm_assets.sources.sample import SyntheticSample
from crm_assets.storage.bucket import Bucket
from crm_assets.storage.home import RECORD, Home
from crm_assets.storage.tables import TableStore
from crm_assets_tests.storage.conftest import open_again

TABLE = pa.table({"x": [1, 2]})
SAMPLE = SyntheticSample(900, seed=1)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    monkeypatch.setenv("CRM_HOME", str(tmp_path / "home"))
    return Settings()


def opened(store: TableStore, source: Source, settings: Settings) -> TableStore:
    """Return the same store as a process with another source opens it."""
    files = open_again(store.files)
    return TableStore(files, owner=Home(files, source, settings))


def write(store: TableStore, *months: str) -> None:
    for month in months:
        store.write("win_features", TABLE, TABLE.schema, month)


def everything(store: TableStore) -> dict[str, bytes]:
    files = open_again(store.files)
    keys = files.keys("")
    return {key: path.read_bytes() for key, path in zip(keys, files.fetch(keys), strict=True) if path}


def putting_aside(settings: Settings) -> Settings:
    return settings.model_copy(update={"on_other_source": "put_aside"})


def test_the_first_write_says_whose_the_tables_are(store: TableStore, settings: Settings) -> None:
    assert opened(store, SAMPLE, settings).claim() is None
    write(opened(store, SAMPLE, settings), "2023-01")
    assert json.loads(everything(store)[RECORD]) == {"source": "sample:900-seed-1"}
    again = opened(store, SAMPLE, settings)
    assert again.rows("win_features", "2023-01") == 2
    assert again.months("win_features") == ["2023-01"]


@pytest.mark.parametrize(
    "other",
    [
        SyntheticSample(900, seed=2),
        KaggleDataset("owner/name", Path("downloads"), "Kaggle data set owner/name"),
        CsvFolder(Path("/data/dump"), "CSV files in /data/dump"),
    ],
    ids=lambda source: source.identity,
)
def test_another_source_neither_writes_nor_reads(
    store: TableStore, settings: Settings, other: Source
) -> None:
    write(opened(store, SAMPLE, settings), "2023-01")
    before = everything(store)
    theirs = opened(store, other, settings)
    with pytest.raises(HomeError) as written:
        write(theirs, "2023-02")
    with pytest.raises(HomeError):
        theirs.read("win_features", ["2023-01"])
    assert everything(store) == before
    for said in (
        "holds the tables of sample:900-seed-1",
        f"The source in force is {other.identity}: {other.description}",
        "Nothing was written",
        "of its own",
        "CRM_ON_OTHER_SOURCE=put_aside",
    ):
        assert said in str(written.value)
    assert "\n" not in str(written.value)


def test_a_folder_that_moved_is_told_which_name_to_set(store: TableStore, settings: Settings) -> None:
    write(opened(store, CsvFolder(Path("/before/dump"), "x"), settings))
    before = CsvFolder(Path("/before/dump"), "x")
    opened(store, before, settings).claim()
    with pytest.raises(HomeError) as refused:
        opened(store, CsvFolder(Path("/after/dump"), "x"), settings).claim()
    name = re.findall(r"CRM_SOURCE_NAME=(\S+)", str(refused.value))[0]
    assert opened(store, CsvFolder(Path("/after/dump"), "x", given_name=name), settings).claim() is None


def test_what_is_put_aside_keeps_its_bytes_and_the_new_source_starts_afresh(
    store: TableStore, settings: Settings
) -> None:
    write(opened(store, SAMPLE, settings), "2023-01", "2023-02")
    former = everything(store)
    other = SyntheticSample(900, seed=2)
    moved = opened(store, other, putting_aside(settings))
    # Reading must not move anything.
    with pytest.raises(HomeError):
        moved.read("win_features", ["2023-01"])
    told = moved.claim() or ""
    write(moved, "2023-03")
    assert set(everything(store)) == {RECORD, "win_features/2023-03.parquet"}
    aside = re.findall(r"The tables of sample:900-seed-1 were moved to (\S+?)[.,]?$", told)[0]
    if aside.startswith("s3://"):
        assert isinstance(store.files, Bucket)
        kept = store.files.s3.get_client()
        bucket, prefix = aside.removeprefix("s3://").split("/", 1)
        found = {
            entry["Key"].removeprefix(f"{prefix}/"): kept.get_object(Bucket=bucket, Key=entry["Key"])[
                "Body"
            ].read()
            for entry in kept.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/")["Contents"]
        }
    else:
        found = {
            path.relative_to(aside).as_posix(): path.read_bytes()
            for path in Path(aside).rglob("*")
            if path.is_file()
        }
    assert found == former


def test_the_embedded_registry_is_put_aside_with_the_tables(store: TableStore, settings: Settings) -> None:
    write(opened(store, SAMPLE, settings), "2023-01")
    for name in ("mlflow.db", "mlflow.db-wal", "mlflow-artifacts/x"):
        path = settings.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    opened(store, SyntheticSample(900, seed=2), putting_aside(settings)).claim()
    [aside] = (settings.home / "put-aside").iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}-sample-900-seed-1", aside.name)
    assert {p.name for p in aside.iterdir()} >= {"mlflow.db", "mlflow.db-wal", "mlflow-artifacts"}
    assert not (settings.home / "mlflow.db").exists()


def test_tables_without_a_record_are_taken_over_where_their_months_fit(
    store: TableStore, settings: Settings
) -> None:
    write(store, "2022-10", "2023-12")
    told = opened(store, SAMPLE, settings).claim()
    assert told
    assert told.endswith("had no record of their source; it is now sample:900-seed-1.")
    assert opened(store, SAMPLE, settings).claim() is None


def test_tables_without_a_record_are_refused_where_the_source_lacks_their_months(
    store: TableStore, settings: Settings
) -> None:
    write(store, "2017-01", "2017-03", "2023-01")
    before = everything(store)
    with pytest.raises(HomeError, match="holds months that this source does not have, 2017-01 to 2017-03"):
        write(opened(store, SAMPLE, settings), "2023-02")
    assert everything(store) == before


def test_settings_that_cover_fewer_months_take_nothing_from_the_source(
    store: TableStore, settings: Settings, tmp_path: Path
) -> None:
    write(store, "2017-01", "2017-12")
    dump = CsvFolder(tmp_path / "dump", "a dump")
    note(settings.home, dump.identity, MonthRange("2017-01", "2017-12"))
    narrow = settings.model_copy(update={"first_month": "2017-06", "last_month": "2017-09"})
    assert opened(store, dump, narrow).claim()


def test_a_record_that_says_nothing_is_told(store: TableStore, settings: Settings) -> None:
    draft = store.files.draft()
    draft.write_text("{}")
    store.files.publish(draft, RECORD)
    with pytest.raises(
        StorageError,
        match=r"source\.json does not say which source the tables come from\. If they come from .*, write",
    ):
        opened(store, SAMPLE, settings).claim()
