"""Every environment variable of the project: typed, defaulted and documented in one class."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit, urlunsplit

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from crm_assets.crm.feature_table import FEATURE_NAMES
from crm_assets.crm.months import is_month
from crm_assets.errors import SettingsError

OPEN_END = "open"
# How alike an unknown name and a setting's must be (0 to 1) to be taken for a misspelling: a letter or a part
# of the name. Less alike are the deployed stack's own variables, and those of other programs.
MISSPELT = 0.85

FeatureNames = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """Settings of `crm_assets`, read from `CRM_*` environment variables and a `.env` file."""

    model_config = SettingsConfigDict(
        env_prefix="CRM_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    source: Literal["auto", "kaggle", "csv", "sample"] = Field(
        "auto",
        description="Where raw data comes from. `auto`: the CSV folder if `CRM_DATA_DIR` is set, "
        "else Kaggle if its credentials are there, else the synthetic sample.",
    )
    data_dir: Path | None = Field(
        None,
        description="Folder with accounts.csv, products.csv, sales_teams.csv and sales_pipeline.csv.",
    )
    source_name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_.-]+$",
        max_length=80,
        description="What the CRM of `CRM_DATA_DIR` is called in the records of its tables and models. "
        "Unset: the folder's name and a mark of its path. Set it where the folder moves, or where each dump "
        "comes in a folder of its own.",
    )
    kaggle_dataset: str = Field(
        "innocentmfa/crm-sales-opportunities",
        description="Kaggle data set (owner/name) that the Kaggle source downloads.",
    )
    sample_opportunities: int = Field(
        8_800, ge=100, description="Size of the synthetic sample: how many opportunities."
    )
    sample_seed: int = Field(7, ge=0, description="Seed of the synthetic sample.")
    on_bad_rows: Literal["stop", "quarantine"] = Field(
        "stop",
        description="What becomes of rows that break a rule. `stop`: the first broken rule stops the run "
        "with a sentence. `quarantine`: they are set aside in the table `quarantined_rows`.",
    )
    first_month: str | None = Field(
        None, description="First monthly partition, `YYYY-MM`. Unset: read from the data."
    )
    last_month: str | None = Field(
        None,
        description="Last monthly partition, `YYYY-MM`, taken as completely covered by the data; "
        "`open` grows with the calendar. Unset: read from the data.",
    )
    on_other_source: Literal["refuse", "put_aside"] = Field(
        "refuse",
        description="What becomes of tables and models of another source in the same home. `refuse`: the run "
        "stops with a sentence. `put_aside`: they move to a dated folder, and the run starts afresh.",
    )
    home: Path = Field(
        Path("data"),
        validate_default=True,
        description="Local folder for tables, models and downloads; made when needed.",
    )
    storage: Literal["auto", "local", "s3"] = Field(
        "auto",
        description="Where tables are kept. `local`: a folder under `CRM_HOME`. `s3`: a bucket. `auto`: the "
        "bucket if an S3 endpoint is set or the process runs in the project's container, else the folder.",
    )
    use_s3_storage: bool | None = Field(
        None,
        validation_alias="USE_S3_STORAGE",
        description="`true` is the same as `CRM_STORAGE=s3`, `false` the same as `CRM_STORAGE=local`.",
    )
    s3_endpoint: str | None = Field(
        None,
        validation_alias=AliasChoices("CRM_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
        description="Address of the S3 server, as `http://127.0.0.1:9000`. Unset: Amazon's. Credentials "
        "are those of `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or of `AWS_PROFILE`.",
    )
    s3_bucket: str = Field("crm-assets", description="Bucket of the tables.")
    s3_prefix: str = Field("tables", description="Folder of the tables in the bucket.")
    in_container: bool = Field(
        False, description="Whether the process runs in the project's container, whose image sets this."
    )
    mlflow_tracking_uri: str | None = Field(
        None,
        description="MLflow tracking server. Unset: an embedded SQLite registry under `CRM_HOME`.",
    )
    mlflow_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="Address of the MLflow UI as people reach it, for links. Unset: the tracking server's.",
    )
    dagster_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="Address of the Dagster UI as people reach it, for links to runs in MLflow and alerts.",
    )
    code_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="Address of this code's repository on GitHub or GitLab, for links from assets to their "
        "code. Unset: links to files of this machine.",
    )
    code_branch: str = Field("main", description="Branch, tag or commit of those links.")
    automation: bool = Field(
        False,
        description="Whether the schedule and the sensors run when Dagster's daemon starts. Off, they stand "
        "in the UI, stopped.",
    )
    poll_seconds: int = Field(
        15, ge=1, description="Seconds between two looks of the sensors for a new champion or new labels."
    )
    alert_webhook: SecretStr | None = Field(
        None,
        description="Address that a message is posted to when a run fails, as of a Slack webhook. "
        "Unset: no alerts.",
    )
    engine: Literal["duckdb", "pyspark"] = Field(
        "duckdb",
        description="What runs the tables. `duckdb`: this process, spilling to disk. `pyspark`: Apache Spark "
        "(`make install-scale`), as `spark-defaults.conf` in `SPARK_CONF_DIR` describes it.",
    )
    executor: Literal["in_process", "multiprocess"] = Field(
        "in_process",
        description="Where the steps of a run are executed: all in the process of the run, or each in one of "
        "its own, which imports everything again and gives its memory back.",
    )
    engine_memory: str = Field(
        "4GB",
        pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$",
        description="Memory that the table engine (DuckDB) uses before it spills to disk.",
    )
    test_months: int = Field(
        3, ge=1, description="How many of the last labeled months only report, never choose."
    )
    min_training_months: int = Field(
        3, ge=1, description="Labeled months that a model needs before it is scored on the next."
    )
    admit_features: FeatureNames = Field(
        (), description="Features used in spite of the leak audit's verdict, comma-separated."
    )
    exclude_features: FeatureNames = Field(
        (), description="Features kept out of the models whatever the audit says, comma-separated."
    )
    seed: int = Field(20161020, ge=0, lt=2**32, description="Seed of everything random in the models.")

    @field_validator("admit_features", "exclude_features", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("admit_features", "exclude_features")
    @classmethod
    def _known_features(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(value) - set(FEATURE_NAMES))
        if unknown:
            raise ValueError(f"no such feature: {', '.join(unknown)}; known: {', '.join(FEATURE_NAMES)}")
        return value

    @field_validator("first_month", "last_month")
    @classmethod
    def _month(cls, value: str | None, info: object) -> str | None:
        allowed = (OPEN_END,) if getattr(info, "field_name", "") == "last_month" else ()
        if value is not None and value not in allowed and not is_month(value):
            raise ValueError(f"{value!r} is not a month; write YYYY-MM, as in 2017-03")
        return value

    @field_validator("home", "data_dir")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        # Once read, a changed working directory changes nothing; no shell expands a `~` of `.env`.
        return None if value is None else value.expanduser().resolve()

    @field_validator("kaggle_dataset")
    @classmethod
    def _dataset(cls, value: str) -> str:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", value):
            raise ValueError(f"{value!r} is not a Kaggle data set; write owner/name")
        return value

    @field_validator("s3_endpoint")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://unset")
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError(
                "not the address of a server; write http://host:port or https://host, without credentials"
            )
        return value

    @field_validator("s3_bucket")
    @classmethod
    def _bucket(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value):
            raise ValueError(f"{value!r} is no bucket name: 3 to 63 of a-z, 0-9, '.' and '-'")
        return value

    @field_validator("s3_prefix")
    @classmethod
    def _prefix(cls, value: str) -> str:
        parts = value.strip("/").split("/")
        if "" in parts or {".", ".."} & set(parts):
            raise ValueError(f"{value!r} is no folder of a bucket; write tables, or team/tables")
        return "/".join(parts)

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.use_s3_storage is not None and self.storage not in ("auto", self._by_use_s3_storage):
            raise ValueError(
                f"CRM_STORAGE={self.storage} contradicts USE_S3_STORAGE={str(self.use_s3_storage).lower()}; "
                "unset one of them"
            )
        if self.source == "csv" and self.data_dir is None:
            raise ValueError("CRM_SOURCE=csv needs CRM_DATA_DIR, the folder of the four CSV files")
        bounded = self.last_month not in (None, OPEN_END)
        if self.first_month and bounded and self.first_month > str(self.last_month):
            raise ValueError(
                f"CRM_FIRST_MONTH {self.first_month} lies after CRM_LAST_MONTH {self.last_month}"
            )
        both = sorted(set(self.admit_features) & set(self.exclude_features))
        if both:
            raise ValueError(
                f"{', '.join(both)}: in CRM_ADMIT_FEATURES and in CRM_EXCLUDE_FEATURES; choose one"
            )
        return self

    @property
    def _by_use_s3_storage(self) -> Literal["local", "s3"]:
        return "s3" if self.use_s3_storage else "local"

    @property
    def store(self) -> tuple[Literal["local", "s3"], str]:
        """Which store is in force, and why. Configuration alone decides, never a server's answer."""
        if self.storage != "auto":
            return self.storage, f"CRM_STORAGE={self.storage}"
        if self.use_s3_storage is not None:
            return self._by_use_s3_storage, f"USE_S3_STORAGE={str(self.use_s3_storage).lower()}"
        if self.s3_endpoint:
            return "s3", "CRM_STORAGE=auto, and an S3 endpoint is set"
        if self.in_container:
            return "s3", "CRM_STORAGE=auto, and the process runs in the project's container"
        return "local", "CRM_STORAGE=auto, and no S3 endpoint is set"

    @property
    def tables_dir(self) -> Path:
        """Where the local store keeps tables."""
        return self.home / "tables"

    @property
    def scratch_dir(self) -> Path:
        """Where unfinished files, and what does not fit into memory, lie while a process lives."""
        return self.home / "scratch"

    @property
    def downloads_dir(self) -> Path:
        """Where downloaded raw data is kept."""
        return self.home / "downloads"

    @property
    def tracking_uri(self) -> str:
        """The MLflow tracking URI in force."""
        return self.mlflow_tracking_uri or f"sqlite:///{self.home / 'mlflow.db'}"

    def run_page(self, run_id: str) -> str | None:
        """Where people find a Dagster run; None where nobody said where the UI is."""
        return f"{self.dagster_url.rstrip('/')}/runs/{run_id}" if self.dagster_url else None

    @property
    def artifacts_dir(self) -> Path:
        """Where the embedded MLflow registry keeps artifacts."""
        return self.home / "mlflow-artifacts"


def without_password(uri: str) -> str:
    """An address as it may be shown: without user and password.

    >>> without_password("https://me:secret@mlflow.example/x")
    'https://mlflow.example/x'
    """
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else uri


def variable(field: str) -> str:
    """The environment variable of a settings field."""
    alias = Settings.model_fields[field].validation_alias
    names = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return str(names[0]) if alias else f"CRM_{field.upper()}"


def read_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: a variable is malformed, misspelt or contradicts another one, or `.env` is no text.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(e["loc"], e["msg"]) for e in error.errors())) from None
    except UnicodeDecodeError:
        raise SettingsError("The file .env is not UTF-8 text; save it with the encoding UTF-8.") from None
    if misspelt := _misspelt():
        raise SettingsError(
            "; ".join(f"{name}: no such setting; did you mean {meant}?" for name, meant in misspelt)
        )
    return settings


def _misspelt() -> list[tuple[str, str]]:
    """Names that are almost a setting's, which would be ignored in silence, and the names they resemble."""
    known = sorted(variable(field) for field in Settings.model_fields)
    given = {name.upper() for name in (*dotenv_values(".env"), *os.environ)}
    unknown = sorted(name for name in given.difference(known) if name.startswith("CRM_"))
    return [
        (name, meant) for name in unknown for meant in get_close_matches(name, known, n=1, cutoff=MISSPELT)
    ]


@cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return read_settings()


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    if not location:
        return message
    # A field with a name of its own is reported under that name.
    name = str(location[0])
    return f"{variable(name) if name in Settings.model_fields else name}: {message}"
