"""All environment variables of the project in one class, each with its type, default and description."""

from __future__ import annotations

import os
import re
from datetime import date
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit, urlunsplit

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from crm_assets.crm.all_features import ALL_FEATURE_NAMES
from crm_assets.crm.months import is_month
from crm_assets.errors import SettingsError

OPEN_END = "open"
# An unknown variable counts as a misspelled setting if the names are at least this similar (0 to 1). The
# variables of the deployed stack and of other programs are less similar.
MISSPELT = 0.85

LOOPBACK = ("127.0.0.1", "::1", "localhost")

Names = Annotated[tuple[str, ...], NoDecode]
Numbers = Annotated[tuple[float, ...], NoDecode]


class Settings(BaseSettings):
    """Settings of `crm_assets`, read from `CRM_*` environment variables and a `.env` file."""

    model_config = SettingsConfigDict(
        env_prefix="CRM_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    source: Literal["auto", "kaggle", "csv", "sample"] = Field(
        "auto",
        description="Where the raw data comes from. `auto`: the CSV folder if `CRM_DATA_DIR` is set, "
        "otherwise Kaggle if its credentials are there, otherwise the synthetic sample.",
    )
    data_dir: Path | None = Field(
        None,
        description="The folder with accounts.csv, products.csv, sales_teams.csv and sales_pipeline.csv; or "
        "a zip archive or a workbook with these tables.",
    )
    mapping: str = Field(
        "kaggle",
        min_length=1,
        description="How the CRM of `CRM_DATA_DIR` calls things: a preset (`kaggle`, `salesforce`, "
        "`hubspot`, `dynamics`, `pipedrive`, `odoo`) or the path of a `crm.yaml`; `make mapping` drafts one.",
    )
    pull: Literal["hubspot", "pipedrive", "salesforce"] | None = Field(
        None,
        description="The CRM to pull from before the raw tables are read: its records land in "
        "`CRM_DATA_DIR`, or below `CRM_HOME`, and go through its preset. Needs the extra `pull` and "
        "credentials, see docs/bring-your-own-crm.md.",
    )
    source_name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_.-]+$",
        max_length=80,
        description="The name of the CRM in `CRM_DATA_DIR`. Its tables and models record it. "
        "Unset: the folder's name and a hash of its path. Set it if the folder moves, or if each dump comes "
        "in a new folder.",
    )
    kaggle_dataset: str = Field(
        "innocentmfa/crm-sales-opportunities",
        description="The data set (owner/name) that the Kaggle source downloads.",
    )
    sample_opportunities: int = Field(
        8_800, ge=100, description="The number of opportunities in the synthetic sample."
    )
    sample_seed: int = Field(7, ge=0, description="The seed of the synthetic sample.")
    on_bad_rows: Literal["quarantine", "stop"] = Field(
        "quarantine",
        description="What to do with rows that cannot be used. `quarantine`: they move to the table "
        "`quarantined_rows`, and a value that is wrong but not needed counts as unknown. `stop`: the first "
        "broken rule stops the run with a message.",
    )
    max_bad_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="The largest share of a table's rows that quarantine takes, 0 to 1. Beyond it the run "
        "stops and names all broken rules. It also holds for the deals of each stage.",
    )
    first_month: str | None = Field(
        None, description="The first monthly partition, `YYYY-MM`. Unset: read from the data."
    )
    last_month: str | None = Field(
        None,
        description="The last monthly partition, `YYYY-MM`. The data counts as complete up to its end. "
        "`open`: the months grow with the calendar. Unset: read from the data.",
    )
    known_on: date | None = Field(
        None,
        description="The last day that the dump shows, `YYYY-MM-DD`; for an export of the early morning, the "
        "day before. The archive keeps the dump under this day. Unset: the newest date in the data.",
    )
    withdrawn_dumps: Names = Field(
        (),
        description="Archived dumps that snapshots and history do without, for example because an export was "
        "incomplete: names from the table `raw_archive`, comma-separated.",
    )
    on_other_source: Literal["refuse", "put_aside"] = Field(
        "refuse",
        description="What to do if the home holds tables and models of another source. `refuse`: the run "
        "stops with a message. `put_aside`: they move to a dated folder, and the run starts over.",
    )
    home: Path = Field(
        Path("data"),
        validate_default=True,
        description="The local folder for tables, models and downloads. It is created when needed.",
    )
    storage: Literal["auto", "local", "s3"] = Field(
        "auto",
        description="Where tables are stored. `local`: a folder under `CRM_HOME`. `s3`: a bucket. `auto`: "
        "the bucket if an S3 endpoint is set or the process runs in the project's container, otherwise "
        "the folder.",
    )
    use_s3_storage: bool | None = Field(
        None,
        validation_alias="USE_S3_STORAGE",
        description="`true` is the same as `CRM_STORAGE=s3`, `false` the same as `CRM_STORAGE=local`.",
    )
    s3_endpoint: str | None = Field(
        None,
        validation_alias=AliasChoices("CRM_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
        description="The address of the S3 server, for example `http://127.0.0.1:9000`. Unset: Amazon's. The "
        "credentials come from `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or from `AWS_PROFILE`.",
    )
    s3_bucket: str = Field("crm-assets", description="The bucket of the tables.")
    s3_prefix: str = Field("tables", description="The folder of the tables in the bucket.")
    in_container: bool = Field(
        False, description="Whether the process runs in the project's container. The image sets it."
    )
    mlflow_tracking_uri: str | None = Field(
        None,
        description="The MLflow tracking server. Unset: an embedded SQLite registry under `CRM_HOME`.",
    )
    mlflow_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="The public address of the MLflow UI, for links. Unset: the tracking server's address.",
    )
    dagster_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="The public address of the Dagster UI, for links to runs in MLflow and in alerts.",
    )
    code_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="The address of this code's repository on GitHub or GitLab, for links from assets to "
        "their code. Unset: links to files on this machine.",
    )
    code_branch: str = Field("main", description="The branch, tag or commit of those links.")
    automation: bool = Field(
        False,
        description="Whether Dagster's daemon starts the schedule and the sensors. If not, the UI shows them "
        "as stopped.",
    )
    poll_seconds: int = Field(
        15, ge=1, description="Seconds between two checks of a sensor for a new champion or new labels."
    )
    alert_webhook: SecretStr | None = Field(
        None,
        description="The webhook, for example Slack's, that gets a message when a run fails, or when "
        "monitoring says that somebody must look. Unset: no alerts.",
    )
    monitoring: bool = Field(
        True,
        description="Whether automation also looks back: the sensor `predictions_arrived` runs the job "
        "`monitoring` after new predictions.",
    )
    retrain: Literal["labels", "evidence"] = Field(
        "labels",
        description="When the sensor `labels_arrived` retrains. `labels`: as soon as another month's "
        "outcomes are known. `evidence`: only if an alarm, bad months or the champion's age speak for it as "
        "well.",
    )
    cool_down_days: int = Field(
        28,
        ge=0,
        description="Days after a training in which evidence starts no other one, and days after an alert in "
        "which monitoring does not send another of the same kind.",
    )
    champion_max_age: int = Field(
        6,
        ge=1,
        description="How many months of known outcomes the champion may lack before it counts as too old. "
        "Then a check and an alert say so, and it is evidence for retraining.",
    )
    engine: Literal["duckdb", "pyspark"] = Field(
        "duckdb",
        description="The engine that computes the tables. `duckdb`: runs in this process and spills to disk. "
        "`pyspark`: Apache Spark (`make install-scale`), on this machine's cores, or on the cluster of "
        "`spark-defaults.conf` in `SPARK_CONF_DIR`; XGBoost then learns there as well.",
    )
    executor: Literal["in_process", "multiprocess"] = Field(
        "in_process",
        description="Where the steps of a run are executed. `in_process`: all in the process of the run. "
        "`multiprocess`: each in its own process, which imports everything again and then frees its memory.",
    )
    engine_memory: str = Field(
        "4GB",
        pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$",
        description="How much memory the table engine (DuckDB) uses before it spills to disk.",
    )
    test_months: int = Field(
        3,
        ge=1,
        description="How many of the last labeled months only report results and never choose a model.",
    )
    min_training_months: int = Field(
        3, ge=1, description="How many labeled months a model needs before it scores the next month."
    )
    admit_features: Names = Field(
        (),
        description="Features that the models use although the leak audit rules them out, comma-separated.",
    )
    exclude_features: Names = Field(
        (), description="Features that the models never use, whatever the audit says, comma-separated."
    )
    more_algorithms: Names = Field(
        (),
        description="Algorithms that take part in the choice beside the five that are always there: "
        "`lightgbm`, `catboost`, `explainable_boosting`, comma-separated. They need the extra `algorithms`.",
    )
    as_of: str = Field(
        "month_end",
        description="The day of `current_predictions`. `month_end`: the end of the last complete month. "
        "`data`: the day of the data's last event. Or a day, `YYYY-MM-DD`. It changes no monthly table.",
    )
    tune_trials: int = Field(
        100,
        ge=2,
        description="How many configurations `make tune` tries, divided among the algorithms that it tunes.",
    )
    tune_seconds: float | None = Field(
        None,
        gt=0,
        description="After how many seconds `make tune` starts no other trial, divided in the same way. The "
        "result then depends on the speed of the machine. Unset: never.",
    )
    tune_workers: int = Field(
        1, ge=1, description="How many processes on this machine work on one search. The result is the same."
    )
    tune_storage: SecretStr | None = Field(
        None,
        description="The database of searches, for workers on several machines, for example "
        "`postgresql+psycopg2://user:password@host/tuning`. Unset: the file `tuning.db` in `CRM_HOME`.",
    )
    tune_heartbeat: int = Field(
        15,
        ge=1,
        description="Seconds between two signs of life of a worker. After four missed ones, its trial is run "
        "again.",
    )
    seed: int = Field(20161020, ge=0, lt=2**32, description="The seed of everything random in the models.")

    band_limits: Numbers = Field(
        (0.4, 0.2, 0.05),
        description="The lowest probabilities of the bands A, B and C, comma-separated; all other deals are "
        "in D. They compare with the probability of being won within three months.",
    )

    write_back: Literal["salesforce", "hubspot", "dynamics", "pipedrive", "odoo", "kaggle"] | None = Field(
        None,
        description="The CRM to write scores back to with every run: the asset `write_back` writes a file "
        "for its import. Unset: no such asset.",
    )
    write_back_send: bool = Field(
        False,
        description="Whether the asset `write_back` also sends the scores through the CRM's interface.",
    )
    api_host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="The address that the REST API listens on. Without `CRM_API_KEY_FILE` it must be one of "
        "this machine only: `127.0.0.1`, `::1` or `localhost`.",
    )
    api_port: int = Field(8000, ge=0, le=65535, description="The port of the REST API; 0 for any free one.")
    api_key_file: Path | None = Field(
        None,
        description="The YAML file with the hashed keys of the REST API; `make api-key` makes a key. Unset: "
        "no key is asked for, and only this machine is served.",
    )
    api_rate: str = Field(
        "60000/minute",
        pattern=r"^\d+ ?/ ?(second|minute|hour|day)$",
        description="How many requests each key may make to the REST API, for example `100/second`. More are "
        "answered with 429.",
    )
    api_in_flight: int = Field(
        32, ge=1, description="How many requests the REST API works on at once. More are answered with 429."
    )
    api_max_body: int = Field(
        2_000_000, ge=1_000, description="The largest request body that the REST API reads, in bytes."
    )
    api_timeout: float = Field(
        30.0,
        gt=0,
        description="Seconds that the REST API waits for the head of a request, and for its body.",
    )
    api_answer_timeout: float = Field(
        60.0, gt=0, description="Seconds that the REST API works on an answer, once the request is there."
    )
    metrics_host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="The address that the pipeline's metrics are served on (`make metrics`). They need no "
        "login: before you use an address of other machines, put a proxy with a login in front.",
    )
    metrics_port: int = Field(
        9109, ge=0, le=65535, description="The port of the pipeline's metrics; 0 for any free one."
    )
    redis_url: SecretStr | None = Field(
        None,
        description="The Redis that several REST APIs share as a cache and to count requests, for example "
        "`redis://127.0.0.1:6379/0`. Unset: each keeps its own in memory.",
    )
    risk_age: float = Field(
        1.0,
        gt=0,
        le=1,
        description="A deal is at risk when it is open for longer than this share of the won deals of its "
        "product was, 0 to 1; 1 for longer than any.",
    )
    risk_pushes: int = Field(
        2,
        ge=1,
        description="A deal is at risk when its expected close date moved later this many times in six "
        "months.",
    )
    risk_fall: float = Field(
        0.1,
        gt=0,
        le=1,
        description="A deal is at risk when its chance within three months fell by this much in a month, "
        "0 to 1.",
    )
    locale: str | None = Field(
        None,
        pattern=r"^[a-z]{2,3}([_-][A-Za-z]{2,4})?$",
        description="How dashboard, files and digest write numbers, money and dates, for example `de_DE`. "
        "Unset: the browser's locale in the dashboard, `en_US` elsewhere.",
    )
    dashboard_login: Literal["none", "password", "proxy", "oidc"] = Field(
        "none",
        description="Who may open the dashboard. `none`: everyone on this machine, who sees all deals. "
        "`password`: people of `CRM_DASHBOARD_USERS`, with their passwords. `proxy`: people whom a proxy "
        "names in a header. `oidc`: people who log in at the provider of Streamlit's `secrets.toml`.",
    )
    dashboard_users: Path | None = Field(
        None,
        description="The file that says who may see which deals; `make dashboard-user` writes it. "
        "Unset: `dashboard_users.yaml` in `CRM_HOME`.",
    )
    dashboard_address: str = Field(
        "127.0.0.1", description="The address at which the dashboard listens. By default, this machine only."
    )
    dashboard_port: int = Field(8501, ge=1, le=65535, description="The port of the dashboard.")
    dashboard_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="The public address of the dashboard, for links in files and digests.",
    )
    dashboard_proxy_header: str = Field(
        "X-Forwarded-User",
        min_length=1,
        description="The header in which a proxy names the person (`CRM_DASHBOARD_LOGIN=proxy`).",
    )
    dashboard_proxy_secret: SecretStr | None = Field(
        None,
        description="What the proxy sends in the header `X-Proxy-Secret`, so that nobody else can name a "
        "person. Needed for `CRM_DASHBOARD_LOGIN=proxy`.",
    )
    digest_webhook: SecretStr | None = Field(
        None, description="The webhook, for example Slack's, that gets the digest. Unset: none."
    )
    digest_smtp: str | None = Field(
        None,
        pattern=r"^[^\s:@/]+(:\d+)?$",
        description="The mail server that sends the digest, `host:port`. Unset: no mail.",
    )
    digest_smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection to the mail server is protected."
    )
    digest_smtp_user: str | None = Field(
        None, description="The user at the mail server. Unset: it asks for none."
    )
    digest_smtp_password: SecretStr | None = Field(None, description="That user's password.")
    digest_from: str = Field("crm-assets@localhost", description="The sender of the digest's mails.")

    @field_validator(
        "admit_features",
        "exclude_features",
        "withdrawn_dumps",
        "more_algorithms",
        "band_limits",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("admit_features", "exclude_features")
    @classmethod
    def _known_features(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(value) - set(ALL_FEATURE_NAMES))
        if unknown:
            raise ValueError(f"no such feature: {', '.join(unknown)}; known: {', '.join(ALL_FEATURE_NAMES)}")
        return value

    @field_validator("band_limits")
    @classmethod
    def _falling(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if len(value) != 3 or not 1 > value[0] > value[1] > value[2] > 0:
            raise ValueError("write three falling numbers between 0 and 1, for example 0.4,0.2,0.05")
        return value

    @field_validator("first_month", "last_month")
    @classmethod
    def _month(cls, value: str | None, info: object) -> str | None:
        allowed = (OPEN_END,) if getattr(info, "field_name", "") == "last_month" else ()
        if value is not None and value not in allowed and not is_month(value):
            raise ValueError(f"{value!r} is not a month; write YYYY-MM, for example 2017-03")
        return value

    @field_validator("as_of")
    @classmethod
    def _as_of(cls, value: str) -> str:
        if value not in ("month_end", "data"):
            try:
                date.fromisoformat(value)
            except ValueError:
                raise ValueError(f"{value!r} is not a day; write month_end, data, or YYYY-MM-DD") from None
        return value

    @field_validator("home", "data_dir", "api_key_file", "dashboard_users")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        # The working directory may change later, and no shell expands a `~` in `.env`.
        return None if value is None else value.expanduser().resolve()

    @field_validator("mapping")
    @classmethod
    def _absolute_if_a_file(cls, value: str) -> str:
        path = Path(value).expanduser()
        is_path = path.suffix.lower() in (".yaml", ".yml") or len(path.parts) > 1
        return str(path.resolve()) if is_path else value

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
            raise ValueError(f"{value!r} is not a bucket name: 3 to 63 of a-z, 0-9, '.' and '-'")
        return value

    @field_validator("s3_prefix")
    @classmethod
    def _prefix(cls, value: str) -> str:
        parts = value.strip("/").split("/")
        if "" in parts or {".", ".."} & set(parts):
            raise ValueError(
                f"{value!r} is not a folder in a bucket; write, for example, tables or team/tables"
            )
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
            raise ValueError(f"CRM_FIRST_MONTH {self.first_month} is after CRM_LAST_MONTH {self.last_month}")
        if self.dashboard_login == "proxy" and self.dashboard_proxy_secret is None:
            raise ValueError(
                "CRM_DASHBOARD_LOGIN=proxy needs CRM_DASHBOARD_PROXY_SECRET, the value that the proxy sends "
                "in X-Proxy-Secret"
            )
        if self.dashboard_login == "none" and self.dashboard_address not in LOOPBACK:
            raise ValueError(
                f"CRM_DASHBOARD_ADDRESS={self.dashboard_address} opens the dashboard to other machines: set "
                "CRM_DASHBOARD_LOGIN to password, proxy or oidc"
            )
        both = sorted(set(self.admit_features) & set(self.exclude_features))
        if both:
            raise ValueError(
                f"{', '.join(both)}: in both CRM_ADMIT_FEATURES and CRM_EXCLUDE_FEATURES; choose one"
            )
        return self

    @property
    def _by_use_s3_storage(self) -> Literal["local", "s3"]:
        return "s3" if self.use_s3_storage else "local"

    @property
    def pulled_dir(self) -> Path:
        """The folder of pulled files: that of the CRM's files if it is set, else one below the home."""
        return self.data_dir or self.home / "pulled" / (self.pull or "crm")

    @property
    def store(self) -> tuple[Literal["local", "s3"], str]:
        """The store in force, and the reason. Only settings decide, never the answer of a server."""
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
        """The folder in which the local store keeps tables."""
        return self.home / "tables"

    @property
    def scratch_dir(self) -> Path:
        """The folder for unfinished files, and for what does not fit into memory, while a process runs."""
        return self.home / "scratch"

    @property
    def downloads_dir(self) -> Path:
        """The folder of downloaded raw data."""
        return self.home / "downloads"

    @property
    def tracking_uri(self) -> str:
        """The MLflow tracking URI in force."""
        return self.mlflow_tracking_uri or f"sqlite:///{self.home / 'mlflow.db'}"

    @property
    def searches_uri(self) -> str:
        """The address of the database of searches."""
        given = self.tune_storage
        return given.get_secret_value() if given else f"sqlite:///{self.home / 'tuning.db'}"

    def run_page(self, run_id: str) -> str | None:
        """Return the address of a Dagster run in the UI; None if `CRM_DAGSTER_URL` is not set."""
        return f"{self.dagster_url.rstrip('/')}/runs/{run_id}" if self.dagster_url else None

    @property
    def artifacts_dir(self) -> Path:
        """The folder in which the embedded MLflow registry keeps artifacts."""
        return self.home / "mlflow-artifacts"


def without_password(uri: str) -> str:
    """Return an address without user and password, so that it can be shown.

    >>> without_password("https://me:secret@mlflow.example/x")
    'https://mlflow.example/x'
    """
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else uri


def variable(field: str) -> str:
    """Return the name of the environment variable of a settings field."""
    alias = Settings.model_fields[field].validation_alias
    names = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return str(names[0]) if alias else f"CRM_{field.upper()}"


def read_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: a variable is malformed, misspelled or contradicts another one, or `.env` is not text.
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
    """Return unknown names that look like a misspelled setting, each with the setting it resembles."""
    known = sorted(variable(field) for field in Settings.model_fields)
    given = {name.upper() for name in (*dotenv_values(".env"), *os.environ)}
    unknown = sorted(name for name in given.difference(known) if name.startswith("CRM_"))
    return [
        (name, meant) for name in unknown for meant in get_close_matches(name, known, n=1, cutoff=MISSPELT)
    ]


@cache
def get_settings() -> Settings:
    """Return the settings of this process. They are read once."""
    return read_settings()


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    if not location:
        return message
    # pydantic reports a field that has an alias under the alias.
    name = str(location[0])
    return f"{variable(name) if name in Settings.model_fields else name}: {message}"
