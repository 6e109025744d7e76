"""Messy input: each kind is read right, or told right."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest

from crm_assets.crm.schema import RAW_TABLES, SOURCE_ROW
from crm_assets.errors import BadInputError
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.quarantine import Sifted
from crm_assets.sources.sample import SyntheticSample
from crm_assets_tests.chain import write_dump
from crm_assets_tests.sources.messy_kinds import READ_RIGHT, TOLD, Kind, Refusal
from crm_assets_tests.sources.test_csv_folder import Mutation


def sifted(place: Path) -> dict[str, Sifted]:
    return CsvFolder(place, "test", quarantines=True, max_bad_share=0.05).take(*RAW_TABLES)


def rows(tables: dict[str, Sifted]) -> dict[str, pa.Table]:
    return {name: one.rows.drop_columns([SOURCE_ROW.name]) for name, one in tables.items()}


@pytest.fixture(scope="module")
def tidy(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Mutation], dict[str, pa.Table]]:
    """Return a function that gives the rows of the small dump after a mutation; it reads each once."""

    @cache
    def read(before: Mutation) -> dict[str, pa.Table]:
        folder = write_dump(tmp_path_factory.mktemp("tidy") / "dump", SyntheticSample(900, seed=1))
        before(folder)
        return rows(sifted(folder))

    return read


@pytest.mark.parametrize("kind", READ_RIGHT, ids=[kind.claim for kind in READ_RIGHT])
def test_each_kind_of_messy_input_is_read_right(
    kind: Kind, small_dump: Path, tidy: Callable[[Mutation], dict[str, pa.Table]]
) -> None:
    kind.before(small_dump)
    kind.mutate(small_dump)
    messy = sifted(small_dump.with_name(kind.place) if kind.place else small_dump)
    assert rows(messy) == tidy(kind.before)
    assert all(one.set_aside == 0 and not one.told for one in messy.values())
    notes = " ".join(note for one in messy.values() for note in one.notes)
    assert kind.says in notes if kind.says else not notes


@pytest.mark.parametrize("kind", TOLD, ids=[kind.claim for kind in TOLD])
def test_what_cannot_be_read_without_asking_is_told_right(kind: Refusal, small_dump: Path) -> None:
    kind.mutate(small_dump)
    with pytest.raises(BadInputError) as caught:
        sifted(small_dump)
    sentence = str(caught.value)
    assert sentence.startswith(kind.begins)
    assert kind.says in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_there_are_forty_kinds() -> None:
    assert len({kind.claim for kind in (*READ_RIGHT, *TOLD)}) >= 40
