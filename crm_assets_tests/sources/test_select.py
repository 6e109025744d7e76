"""Which source the settings choose, and which months the graph covers."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm_assets.crm.months import MonthRange
from crm_assets.crm.schema import RAW_SALES_PIPELINE
from crm_assets.errors import BadInputError, SettingsError
from crm_assets.settings import read_settings
from crm_assets.sources.base import Source
from crm_assets.sources.calendar import note, noted
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.kaggle import KaggleDataset, kaggle_credentials_present
from crm_assets.sources.sample import SyntheticSample
from crm_assets.sources.select import known_range, month_range, said_to_people, select_source

# Where the Kaggle package looks for credentials: variables, and files under the home folder.
CREDENTIAL_FILES = (
    ".kaggle/kaggle.json",
    ".kaggle/access_token",
    ".kaggle/access_token.txt",
    ".kaggle/credentials.json",
    ".config/kaggle/kaggle.json",
)


@pytest.fixture(autouse=True)
def no_config_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def chosen() -> Source:
    return select_source(read_settings())


def covered() -> MonthRange:
    settings = read_settings()
    return month_range(settings, select_source(settings))


def known() -> MonthRange | None:
    settings = read_settings()
    return known_range(settings, select_source(settings))


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")


def test_auto_takes_the_sample_where_nothing_is_set() -> None:
    source = chosen()
    assert isinstance(source, SyntheticSample)
    assert source.description == (
        "SYNTHETIC sample of 8,800 opportunities, seed 7 "
        "(neither CRM_DATA_DIR nor Kaggle credentials are set)"
    )


def test_auto_takes_the_folder_where_one_is_set(monkeypatch: pytest.MonkeyPatch, small_dump: Path) -> None:
    monkeypatch.setenv("CRM_DATA_DIR", str(small_dump))
    source = chosen()
    assert isinstance(source, CsvFolder)
    assert source.description == f"CSV files in {small_dump} (CRM_DATA_DIR is set)"
    assert not source.synthetic


def test_people_read_neither_folders_nor_settings(monkeypatch: pytest.MonkeyPatch, small_dump: Path) -> None:
    assert said_to_people(select_source(read_settings())) == "SYNTHETIC sample of 8,800 opportunities, seed 7"
    monkeypatch.setenv("CRM_DATA_DIR", str(small_dump))
    assert said_to_people(select_source(read_settings())) == "CSV files in dump"


def test_auto_takes_kaggle_where_credentials_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "token")
    source = chosen()
    assert isinstance(source, KaggleDataset)
    assert source.description == (
        "Kaggle data set innocentmfa/crm-sales-opportunities (Kaggle credentials are set)"
    )
    assert not source.synthetic


def test_auto_prefers_the_folder_to_kaggle(monkeypatch: pytest.MonkeyPatch, small_dump: Path) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "token")
    monkeypatch.setenv("CRM_DATA_DIR", str(small_dump))
    assert chosen().name == "csv"


@pytest.mark.parametrize("name", ["sample", "kaggle", "csv"])
def test_a_named_source_is_taken_whatever_is_at_hand(
    monkeypatch: pytest.MonkeyPatch, small_dump: Path, name: str
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "token")
    monkeypatch.setenv("CRM_DATA_DIR", str(small_dump))
    monkeypatch.setenv("CRM_SOURCE", name)
    assert chosen().name == name
    assert chosen().description.endswith(f"(CRM_SOURCE={name})")


def test_choosing_a_source_reads_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRM_DATA_DIR", str(tmp_path / "nowhere"))
    assert chosen().name == "csv"


@pytest.mark.parametrize("file", CREDENTIAL_FILES)
def test_credential_files_of_kaggle_are_found(tmp_path: Path, file: str) -> None:
    assert not kaggle_credentials_present()
    write(tmp_path / file)
    assert kaggle_credentials_present()


def test_credential_files_are_found_in_other_config_folders(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write(tmp_path / "xdg" / "kaggle" / "kaggle.json")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert kaggle_credentials_present()
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert not kaggle_credentials_present()
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "xdg" / "kaggle"))
    assert kaggle_credentials_present()


def test_a_user_name_needs_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_USERNAME", "me")
    assert not kaggle_credentials_present()
    monkeypatch.setenv("KAGGLE_KEY", "key")
    assert kaggle_credentials_present()


def test_months_are_those_of_the_source_where_none_are_set(
    monkeypatch: pytest.MonkeyPatch, small_dump: Path
) -> None:
    monkeypatch.setenv("CRM_DATA_DIR", str(small_dump))
    assert covered() == CsvFolder(small_dump, "test").month_range()


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2023-01", "", MonthRange("2023-01", "2023-12")),
        ("", "2023-03", MonthRange("2022-10", "2023-03")),
        ("2023-01", "2023-03", MonthRange("2023-01", "2023-03")),
        ("2023-01", "open", MonthRange("2023-01", "2023-12")),
        ("", "open", MonthRange("2022-10", "2023-12")),
        ("2023-01", "2023-01", MonthRange("2023-01", "2023-01")),
    ],
)
def test_settings_replace_the_months_of_the_source(
    monkeypatch: pytest.MonkeyPatch, first: str, last: str, expected: MonthRange
) -> None:
    monkeypatch.setenv("CRM_FIRST_MONTH", first)
    monkeypatch.setenv("CRM_LAST_MONTH", last)
    assert covered() == expected


def test_months_are_known_without_the_data_where_settings_or_a_note_say_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CRM_DATA_DIR", str(tmp_path / "nowhere"))
    assert known() is None
    monkeypatch.setenv("CRM_FIRST_MONTH", "2023-01")
    assert known() is None
    monkeypatch.setenv("CRM_LAST_MONTH", "2023-03")
    assert list(known() or ()) == ["2023-01", "2023-02", "2023-03"]
    monkeypatch.delenv("CRM_LAST_MONTH")
    settings = read_settings()
    note(settings.home, select_source(settings).identity, MonthRange("2022-10", "2023-02"))
    assert known() == MonthRange("2023-01", "2023-02")


def test_reading_the_months_notes_them_for_who_must_not_open_the_data(
    monkeypatch: pytest.MonkeyPatch, small_dump: Path
) -> None:
    monkeypatch.setenv("CRM_DATA_DIR", str(small_dump))
    assert known() is None
    assert covered() == known()
    # The recorded months belong to this folder only.
    monkeypatch.setenv("CRM_DATA_DIR", str(small_dump.parent))
    assert known() is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"csv:x": 1}', '{"csv:x": {"first": "soon", "last": "x"}}'])
def test_a_note_that_is_none_counts_as_unknown_and_is_written_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "calendar.json").write_text(text)
    assert noted(tmp_path, "csv:x") is None
    note(tmp_path, "csv:x", MonthRange("2022-10", "2023-02"))
    assert noted(tmp_path, "csv:x") == MonthRange("2022-10", "2023-02")


@pytest.mark.parametrize("last", ["2024-02", "2024-12", "2031-01"])
def test_a_last_month_past_the_data_is_refused_with_what_there_is(
    monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    monkeypatch.setenv("CRM_LAST_MONTH", last)
    said = (
        rf"CRM_LAST_MONTH {last} lies after the data, which covers 2022-10 to 2023-12; .* or set it to open"
    )
    with pytest.raises(SettingsError, match=said):
        covered()
    with pytest.raises(SettingsError, match=said):
        known()


def test_the_month_after_the_data_may_be_called_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_LAST_MONTH", "2024-01")
    assert covered().last == "2024-01"


def test_an_identity_tells_sources_apart_and_outlives_a_new_dump(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = [chosen().identity]
    for variables in (
        {"CRM_SAMPLE_SEED": "8"},
        {"CRM_SOURCE": "kaggle"},
        {"CRM_SOURCE": "kaggle", "CRM_KAGGLE_DATASET": "owner/other"},
        {"CRM_DATA_DIR": str(tmp_path / "a" / "dump")},
        {"CRM_DATA_DIR": str(tmp_path / "b" / "dump")},
        {"CRM_DATA_DIR": str(tmp_path / "b" / "dump"), "CRM_SOURCE_NAME": "sales"},
    ):
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            seen.append(chosen().identity)
    assert len(set(seen)) == len(seen)
    assert seen[0] == "sample:8800-seed-7"
    assert seen[2] == "kaggle:innocentmfa/crm-sales-opportunities"
    assert seen[-1] == "csv:sales"
    assert all(len(one) < 120 and " " not in one for one in seen)


def test_a_folder_that_moved_keeps_the_name_that_settings_give_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CRM_DATA_DIR", str(tmp_path / "before"))
    before = chosen().identity
    monkeypatch.setenv("CRM_DATA_DIR", str(tmp_path / "after"))
    assert chosen().identity != before
    monkeypatch.setenv("CRM_SOURCE_NAME", before.removeprefix("csv:"))
    assert chosen().identity == before


@pytest.mark.parametrize(
    ("variable", "month"), [("CRM_FIRST_MONTH", "2030-01"), ("CRM_LAST_MONTH", "2001-01")]
)
def test_a_range_without_months_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, variable: str, month: str
) -> None:
    monkeypatch.setenv(variable, month)
    with pytest.raises(
        SettingsError,
        match=r"The first month, .*, is after the last month, .*: correct CRM_FIRST_MONTH or CRM_LAST_MONTH",
    ):
        covered()


def test_a_broken_folder_is_told_when_its_months_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, small_dump: Path
) -> None:
    (small_dump / RAW_SALES_PIPELINE.file_name).write_text("")
    monkeypatch.setenv("CRM_DATA_DIR", str(small_dump))
    with pytest.raises(BadInputError, match=r"sales_pipeline\.csv is empty"):
        covered()
