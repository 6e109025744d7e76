"""The source that a mapping makes: chosen by settings, and like the plain folder where nothing differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm_assets.crm.months import MonthRange
from crm_assets.crm.schema import RAW_TABLES
from crm_assets.errors import SettingsError
from crm_assets.settings import get_settings, read_settings
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.mapping.folder import MappedFolder
from crm_assets.sources.select import select_source
from crm_assets_tests.sources.mapping.conftest import Take
from crm_assets_tests.sources.mapping.small import Write


def test_our_own_files_are_the_same_through_the_default_mapping(
    small_dump: Path, take: Take, mapping: Write
) -> None:
    plain = CsvFolder(small_dump, "test", quarantines=True).take(*RAW_TABLES)
    mapped = take(small_dump, mapping("preset: kaggle\n"))
    for name, sifted in plain.items():
        assert mapped[name].rows.equals(sifted.rows), name
        assert mapped[name].quarantined.num_rows == sifted.quarantined.num_rows == 0


def test_the_real_dump_is_the_same_through_the_default_mapping(
    real_dump: Path, take: Take, mapping: Write
) -> None:
    plain = CsvFolder(real_dump, "test", quarantines=True).take(*RAW_TABLES)
    mapped = take(real_dump, mapping("preset: kaggle\n"))
    assert all(mapped[name].rows.equals(sifted.rows) for name, sifted in plain.items())


def test_settings_choose_the_source_and_describe_it(
    monkeypatch: pytest.MonkeyPatch, exports: dict[str, Path]
) -> None:
    folder = exports["pipedrive"]
    monkeypatch.setenv("CRM_DATA_DIR", str(folder))
    assert isinstance(select_source(read_settings()), CsvFolder)
    monkeypatch.setenv("CRM_MAPPING", "pipedrive")
    source = select_source(read_settings())
    assert isinstance(source, MappedFolder)
    assert source.description == (
        f"CRM files in {folder} (CRM_DATA_DIR is set; mapped by the preset pipedrive)"
    )
    assert source.quarantines
    assert not source.synthetic
    assert source.known_months is None
    assert source.month_range() == MonthRange("2022-10", "2023-12")
    # A better mapping of the same files is the same CRM: its home stays its home.
    assert source.identity == CsvFolder(folder, "test").identity


def test_a_mapping_without_files_to_map_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_MAPPING", "odoo")
    with pytest.raises(
        SettingsError, match=r"CRM_MAPPING=odoo .* CRM_DATA_DIR are called, but that is not set; set"
    ):
        select_source(read_settings())
    monkeypatch.setenv("CRM_SOURCE", "sample")
    assert select_source(read_settings()).name == "sample"


def test_the_path_of_a_mapping_holds_wherever_the_process_moves(
    monkeypatch: pytest.MonkeyPatch, exports: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "crm.yaml").write_text("preset: hubspot\n")
    monkeypatch.setenv("CRM_DATA_DIR", str(exports["hubspot"]))
    monkeypatch.setenv("CRM_MAPPING", "crm.yaml")
    settings = get_settings()
    monkeypatch.chdir("/")
    assert "mapped by crm.yaml" in select_source(settings).description


def test_two_readings_give_the_same_bytes(take: Take, exports: dict[str, Path]) -> None:
    first, second = (take(exports["salesforce"], "salesforce") for _ in range(2))
    assert all(first[name].rows.equals(second[name].rows) for name in first)
