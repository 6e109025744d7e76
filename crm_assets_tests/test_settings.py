"""Malformed or contradictory settings end in a sentence that names the variable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crm_assets.errors import SettingsError
from crm_assets.settings import Settings, get_settings, read_settings, variable

DOCKER = Path(__file__).parent.parent / "docker"

BAD: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "a month that is none": (
        {"CRM_FIRST_MONTH": "2017-13"},
        ("CRM_FIRST_MONTH: '2017-13' is not a month", "write YYYY-MM"),
    ),
    "a date for a month": (
        {"CRM_LAST_MONTH": "2017-12-31"},
        ("CRM_LAST_MONTH: '2017-12-31' is not a month",),
    ),
    "an open beginning": ({"CRM_FIRST_MONTH": "open"}, ("CRM_FIRST_MONTH: 'open' is not a month",)),
    "an end before the beginning": (
        {"CRM_FIRST_MONTH": "2018-01", "CRM_LAST_MONTH": "2017-12"},
        ("CRM_FIRST_MONTH 2018-01 is after CRM_LAST_MONTH 2017-12",),
    ),
    "an unknown source": ({"CRM_SOURCE": "foo"}, ("CRM_SOURCE: ", "'auto', 'kaggle', 'csv' or 'sample'")),
    "the CSV source without a folder": ({"CRM_SOURCE": "csv"}, ("CRM_SOURCE=csv needs CRM_DATA_DIR",)),
    "an unknown feature": (
        {"CRM_ADMIT_FEATURES": "sector, foo"},
        ("CRM_ADMIT_FEATURES: no such feature: foo; known: ", "days_open"),
    ),
    "an unknown feature to exclude": (
        {"CRM_EXCLUDE_FEATURES": "bar,foo"},
        ("CRM_EXCLUDE_FEATURES: no such feature: bar, foo; known: ",),
    ),
    "a feature admitted and excluded": (
        {"CRM_ADMIT_FEATURES": "sector,days_open", "CRM_EXCLUDE_FEATURES": "days_open"},
        ("days_open: in both CRM_ADMIT_FEATURES and CRM_EXCLUDE_FEATURES", "choose one"),
    ),
    "a data set without an owner": (
        {"CRM_KAGGLE_DATASET": "opportunities"},
        ("CRM_KAGGLE_DATASET: 'opportunities' is not a Kaggle data set; write owner/name",),
    ),
    "a data set without a name": ({"CRM_KAGGLE_DATASET": "owner/"}, ("CRM_KAGGLE_DATASET: 'owner/' is not",)),
    "a name with a blank": ({"CRM_SOURCE_NAME": "our CRM"}, ("CRM_SOURCE_NAME: ",)),
    "a remedy that is none": (
        {"CRM_ON_OTHER_SOURCE": "delete"},
        ("CRM_ON_OTHER_SOURCE: ", "'refuse' or 'put_aside'"),
    ),
    "a sample too small": ({"CRM_SAMPLE_OPPORTUNITIES": "9"}, ("CRM_SAMPLE_OPPORTUNITIES: ", "100")),
    "a number that is none": ({"CRM_TEST_MONTHS": "few"}, ("CRM_TEST_MONTHS: ", "integer")),
    "a seed beyond what models take": ({"CRM_SEED": str(2**32)}, ("CRM_SEED: ", "less than")),
    "bands that rise": ({"CRM_BAND_LIMITS": "0.1,0.2,0.3"}, ("CRM_BAND_LIMITS: ", "three falling numbers")),
    "two bands": ({"CRM_BAND_LIMITS": "0.4,0.2"}, ("CRM_BAND_LIMITS: ", "three falling numbers")),
    "a memory size that is none": ({"CRM_ENGINE_MEMORY": "lots"}, ("CRM_ENGINE_MEMORY: ",)),
    "an endpoint that is no address": (
        {"CRM_S3_ENDPOINT": "minio:9000"},
        ("CRM_S3_ENDPOINT: ", "http://host:port"),
    ),
    "an endpoint with credentials": (
        {"CRM_S3_ENDPOINT": "http://me:secret@minio:9000"},
        ("CRM_S3_ENDPOINT: ", "without credentials"),
    ),
    "a bucket that none can be": (
        {"CRM_S3_BUCKET": "CRM_Assets"},
        ("CRM_S3_BUCKET: 'CRM_Assets' is not a bucket name",),
    ),
    "a prefix that leads out": (
        {"CRM_S3_PREFIX": "../other"},
        ("CRM_S3_PREFIX: '../other' is not a folder in a bucket",),
    ),
    "two stores": (
        {"CRM_STORAGE": "local", "USE_S3_STORAGE": "true"},
        ("CRM_STORAGE=local contradicts USE_S3_STORAGE=true", "unset one"),
    ),
    "a switch that is none": ({"USE_S3_STORAGE": "maybe"}, ("USE_S3_STORAGE: ", "boolean")),
    "a letter amiss": ({"CRM_SORUCE": "csv"}, ("CRM_SORUCE: no such setting; did you mean CRM_SOURCE?",)),
    "a word cut short": ({"CRM_STORE": "s3"}, ("CRM_STORE: no such setting; did you mean CRM_STORAGE?",)),
    "a part left out": ({"CRM_ENDPOINT": "x"}, ("CRM_ENDPOINT: ", "did you mean CRM_S3_ENDPOINT?")),
    "two faults": ({"CRM_SEED": "-1", "CRM_SOURCE": "foo"}, ("CRM_SEED: ", "; ", "CRM_SOURCE: ")),
}


@pytest.mark.parametrize(("variables", "says"), BAD.values(), ids=BAD)
def test_bad_settings_are_told_in_a_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: tuple[str, ...]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        read_settings()
    sentence = str(caught.value)
    assert [part for part in says if part not in sentence] == []
    assert "\n" not in sentence


def test_the_defaults_are_valid_and_need_nothing() -> None:
    assert read_settings() == Settings()


def test_empty_variables_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.setenv(variable(field), "")
    assert read_settings() == Settings()


def test_features_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_ADMIT_FEATURES", " sector, days_open ,,")
    assert read_settings().admit_features == ("sector", "days_open")


def test_a_dotenv_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("CRM_SEED=1\nCRM_SAMPLE_SEED=2\nOTHER=3\n")
    monkeypatch.setenv("CRM_SEED", "5")
    assert (read_settings().seed, read_settings().sample_seed) == (5, 2)


def test_a_misspelt_name_in_a_dotenv_file_is_told() -> None:
    Path(".env").write_text("CRM_TEST_MONTH=2\n")
    with pytest.raises(
        SettingsError, match=r"^CRM_TEST_MONTH: no such setting; did you mean CRM_TEST_MONTHS\?$"
    ):
        read_settings()


def test_variables_of_the_stack_and_of_other_programs_are_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    written = "".join(path.read_text() for path in DOCKER.rglob("*") if path.is_file())
    theirs = {"CRM_API_KEY", "CRM_URL", "CRM_DATABASE_URL", "CRM_HOST", "CRM_USER", "CRM_BASE_URL"}
    names = set(re.findall(r"\bCRM_[A-Z0-9_]*[A-Z0-9]\b", written)) | theirs
    for name in names - {variable(field) for field in Settings.model_fields}:
        monkeypatch.setenv(name, "something")
    assert read_settings() == Settings()


def test_a_dotenv_file_that_is_no_text_is_told_in_one_sentence() -> None:
    Path(".env").write_bytes("CRM_SOURCE=sample # Café".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"^The file \.env is not UTF-8 text; "):
        read_settings()


def test_folders_are_absolute_wherever_the_process_goes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CRM_HOME", "here")
    monkeypatch.setenv("CRM_DATA_DIR", "../dump")
    settings = read_settings()
    monkeypatch.chdir("/")
    assert settings.data_dir == tmp_path.parent / "dump"
    assert settings.tables_dir == tmp_path / "here" / "tables"
    assert settings.downloads_dir == tmp_path / "here" / "downloads"
    assert settings.tracking_uri == f"sqlite:///{tmp_path / 'here' / 'mlflow.db'}"


SERVER = {"CRM_S3_ENDPOINT": "http://127.0.0.1:9000"}
CONTAINER = {"CRM_IN_CONTAINER": "true"}
STORES: dict[str, tuple[dict[str, str], str, str]] = {
    "nothing is set": ({}, "local", "no S3 endpoint is set"),
    "an endpoint": (SERVER, "s3", "an S3 endpoint is set"),
    "Amazon's name of the endpoint": (
        {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000"},
        "s3",
        "an S3 endpoint is set",
    ),
    "the container": (CONTAINER, "s3", "the project's container"),
    "local in spite of an endpoint": (SERVER | {"CRM_STORAGE": "local"}, "local", "CRM_STORAGE=local"),
    "local in spite of the container": (CONTAINER | {"CRM_STORAGE": "local"}, "local", "CRM_STORAGE=local"),
    "s3 at Amazon": ({"CRM_STORAGE": "s3"}, "s3", "CRM_STORAGE=s3"),
    "the old switch, on": ({"USE_S3_STORAGE": "true"}, "s3", "USE_S3_STORAGE=true"),
    "the old switch, off": (SERVER | {"USE_S3_STORAGE": "false"}, "local", "USE_S3_STORAGE=false"),
    "both say the same": (
        {"USE_S3_STORAGE": "true", "CRM_STORAGE": "s3"},
        "s3",
        "CRM_STORAGE=s3",
    ),
}


@pytest.mark.parametrize(("variables", "store", "because"), STORES.values(), ids=STORES)
def test_configuration_alone_chooses_the_store(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], store: str, because: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    in_force, reason = read_settings().store
    assert in_force == store
    assert because in reason


def test_the_settings_of_a_process_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = get_settings()
    monkeypatch.setenv("CRM_SEED", "5")
    assert get_settings() is before


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRM_DATA_DIR", "~/dump")
    assert read_settings().data_dir == tmp_path / "dump"
