"""The whole graph as a user runs it: `python -m crm_assets` and the `dagster` CLI, in real processes."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parent.parent
MODULE = ("-m", "crm_assets.definitions")
MONTHLY = ("monthly_snapshots", "win_features", "win_predictions", "revenue_forecast")
ALGORITHMS = ("logistic_regression", "random_forest", "xgboost", "gradient_boosting")
FACTS_OF_EVERY_TABLE = {"dagster/row_count", "path", "preview"}
PLOTS = ("calibration curve", "roc curve", "auc by month", "expected and realised wins", "top features")


@dataclass(frozen=True)
class Place:
    """One installation: where its tables and history are, and what runs in it."""

    folder: Path
    settings: dict[str, str]

    @property
    def tables(self) -> Path:
        return self.folder / "home" / "tables"

    def run(self, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command with this place's settings."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
        environment = clean | {
            "CRM_HOME": str(self.folder / "home"),
            "DAGSTER_HOME": str(self.folder / "dagster"),
            "COLUMNS": "120",
            **self.settings,
            **settings,
        }
        return subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, check=False
        )

    def python(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, *arguments, **settings)

    def dagster(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(str(Path(sys.executable).parent / "dagster"), *arguments)

    def frame(self, name: str, month: str | None = None) -> pd.DataFrame:
        file = f"{name}/{month}.parquet" if month else f"{name}.parquet"
        return pq.read_table(self.tables / file).to_pandas()

    def contents(self) -> dict[str, bytes]:
        """Every stored table file and its bytes."""
        return {
            str(path.relative_to(self.tables)): path.read_bytes()
            for path in sorted(self.tables.rglob("*"))
            if path.is_file()
        }

    def materialised(self, asset: str, month: str | None = None) -> bool:
        """Whether this place's history knows of a materialisation."""
        with dg.DagsterInstance.from_config(str(self.folder / "dagster")) as instance:
            chosen = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[month] if month else None)
            return bool(instance.fetch_materializations(chosen, limit=1).records)

    def metadata(self, asset: str, month: str | None = None) -> dict[str, dg.MetadataValue]:
        """The metadata of the newest materialisation, as the UI shows it."""
        with dg.DagsterInstance.from_config(str(self.folder / "dagster")) as instance:
            chosen = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[month] if month else None)
            event = instance.fetch_materializations(chosen, limit=1).records[0].asset_materialization
        assert event is not None
        return dict(event.metadata)


def place(folder: Path, **settings: str) -> Place:
    (folder / "dagster").mkdir(parents=True)
    shutil.copy(ROOT / "dagster.yaml", folder / "dagster" / "dagster.yaml")
    return Place(folder, settings)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, str]:
    """A finished run on a small synthetic sample, and what it printed."""
    there = place(tmp_path_factory.mktemp("sample"), CRM_SOURCE="sample", CRM_SAMPLE_OPPORTUNITIES="2000")
    done = there.python("-m", "crm_assets")
    assert done.returncode == 0, done.stdout + done.stderr
    return there, done.stdout


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory, real_dump: Path) -> tuple[Place, str]:
    """A finished run on the real dump, and what it printed."""
    there = place(tmp_path_factory.mktemp("real"), CRM_DATA_DIR=str(real_dump.resolve()))
    done = there.python("-m", "crm_assets")
    assert done.returncode == 0, done.stdout + done.stderr
    return there, done.stdout


def test_the_summary_tells_what_a_sales_team_asks(sample: tuple[Place, str]) -> None:
    _, printed = sample
    for said in (
        "SYNTHETIC DATA",
        "2022-10 to 2023-12",
        "Forecast for 2024-01",
        "Leaks      none found",
        "version 1",
        "open at the end of 2023-12, all scored",
        "USD in 2024-01",
        "seasonal_rate (baseline)",
        "Most likely wins in 2024-01",
        "`make dev` opens the Dagster UI",
        *ALGORITHMS,
    ):
        assert said in printed
    assert "Warning" not in printed


def test_every_open_deal_of_the_last_month_is_predicted_once(sample: tuple[Place, str]) -> None:
    there, _ = sample
    predicted = there.frame("win_predictions", "2023-12")
    assert sorted(predicted["opportunity_id"]) == sorted(
        there.frame("win_features", "2023-12")["opportunity_id"]
    )
    assert predicted["probability"].between(0, 1).all()
    assert predicted["probability"].is_monotonic_decreasing
    assert set(predicted["scored_by"]) == {"champion"}


def test_the_forecast_adds_up_at_every_level(sample: tuple[Place, str]) -> None:
    there, _ = sample
    forecast = there.frame("revenue_forecast", "2023-12")
    predicted = there.frame("win_predictions", "2023-12")
    sums = forecast.groupby("level")[["open_deals", "expected_wins", "expected_revenue"]].sum()
    assert set(sums.index) == {"total", "sales_agent", "manager", "regional_office", "product"}
    for level in sums.index:
        assert sums.loc[level, "open_deals"] == len(predicted)
        assert sums.loc[level, "expected_wins"] == pytest.approx(predicted["probability"].sum())
        assert sums.loc[level, "expected_revenue"] == pytest.approx(predicted["expected_revenue"].sum())


def test_two_runs_in_fresh_folders_store_the_same_bytes(sample: tuple[Place, str], tmp_path: Path) -> None:
    there, _ = sample
    again = place(tmp_path / "again", **there.settings)
    done = again.python("-m", "crm_assets")
    assert done.returncode == 0, done.stdout + done.stderr
    # What the tests below materialise again must not change a byte either.
    assert again.contents() == there.contents()


def test_a_month_alone_equals_the_same_month_of_a_full_backfill(
    sample: tuple[Place, str], tmp_path: Path
) -> None:
    there, _ = sample
    copy = place(tmp_path / "copy", **there.settings)
    shutil.copytree(there.folder / "home", copy.folder / "home")
    for name in MONTHLY:
        (copy.tables / name / "2023-06.parquet").unlink()
    done = copy.dagster(
        "asset", "materialize", *MODULE, "--select", ",".join(MONTHLY[:2]), "--partition", "2023-06"
    )
    assert done.returncode == 0, done.stderr
    for name in MONTHLY[:2]:
        one = copy.tables / name / "2023-06.parquet"
        assert one.read_bytes() == (there.tables / name / "2023-06.parquet").read_bytes()


def test_the_cli_materialises_one_asset_and_a_range_of_months(sample: tuple[Place, str]) -> None:
    there, _ = sample
    before = there.contents()
    one = there.dagster("asset", "materialize", *MODULE, "--select", "raw_accounts")
    some = there.dagster(
        "asset", "materialize", *MODULE, "--select", "win_features", "--partition-range", "2023-06...2023-08"
    )
    assert (one.returncode, some.returncode) == (0, 0), one.stderr + some.stderr
    assert there.contents() == before


def test_the_cli_executes_the_checks_and_validates_the_definitions(sample: tuple[Place, str]) -> None:
    there, _ = sample
    checks = there.dagster("job", "execute", *MODULE, "--job", "data_quality_checks")
    valid = there.dagster("definitions", "validate", *MODULE)
    assert checks.returncode == 0, checks.stderr
    assert valid.returncode == 0, valid.stderr


def test_a_failing_gate_stops_what_is_downstream_and_nothing_else(
    sample: tuple[Place, str], tmp_path: Path
) -> None:
    there, _ = sample
    copy = place(tmp_path / "copy", **there.settings)
    shutil.copytree(there.folder / "home", copy.folder / "home")
    deals = copy.tables / "opportunities.parquet"
    table = pq.read_table(deals)
    # What no gate has seen: somebody wrote into the store.
    pq.write_table(pa.concat_tables([table, table.slice(0, 3)]), deals)
    before = copy.contents()
    chosen = "raw_accounts,monthly_snapshots,win_features"
    done = copy.dagster("asset", "materialize", *MODULE, "--select", chosen, "--partition", "2023-06")
    assert done.returncode != 0
    assert "snapshot_month_and_opportunity_id_unique: " in done.stderr + done.stdout
    assert copy.materialised("raw_accounts")
    assert copy.materialised("monthly_snapshots", "2023-06")
    assert not copy.materialised("win_features", "2023-06")
    now = copy.contents()
    features = {name for name in before if name.startswith("win_features")}
    assert {name: now[name] for name in features} == {name: before[name] for name in features}


def test_a_champion_that_uses_a_forbidden_feature_fails_its_gate(
    sample: tuple[Place, str], tmp_path: Path
) -> None:
    there, _ = sample
    forbidding = there.settings | {"CRM_EXCLUDE_FEATURES": "days_open"}
    copy = place(tmp_path / "copy", **forbidding)
    shutil.copytree(there.folder / "home", copy.folder / "home")
    again = copy.dagster("asset", "materialize", *MODULE, "--select", "leak_audit")
    checks = copy.dagster("job", "execute", *MODULE, "--job", "data_quality_checks")
    assert again.returncode == 0, again.stderr
    assert checks.returncode != 0
    assert "Version 1 uses days_open: promote another version." in checks.stderr


def test_the_real_gates_find_the_known_defects_and_nothing_to_stop_for(real: tuple[Place, str]) -> None:
    there, printed = real
    for said in (
        "product_spelled_as_in_products: 1,480 of 8,800",
        "sector_spelled_right: 12 of 85",
        "account_recorded: 1,425 of 8,800",
    ):
        assert said in " ".join(printed.split())
    scores = there.frame("data_quality").set_index("table")
    assert (scores["broken_must"] == 0).all()
    assert scores.loc["raw_sales_pipeline", "score"] < 0.75
    assert (scores.drop(index=["raw_sales_pipeline", "raw_accounts"])["score"] == 1.0).all()
    assert "quality score, overall" in there.metadata("data_quality")


def test_each_month_shows_its_own_row_count(sample: tuple[Place, str]) -> None:
    there, _ = sample
    for month in ("2023-05", "2023-12"):
        shown = there.metadata("win_features", month)
        assert shown["dagster/row_count"].value == len(there.frame("win_features", month))
        assert shown.keys() >= FACTS_OF_EVERY_TABLE


def test_the_champion_shows_its_plots_leaderboard_and_mlflow_run(sample: tuple[Place, str]) -> None:
    there, _ = sample
    shown = there.metadata("champion")
    for name in PLOTS:
        encoded = str(shown[name].value).split("base64,")[1].rstrip(")")
        assert base64.b64decode(encoded).startswith(b"\x89PNG")
    assert shown["synthetic"].value is True
    assert all(name in str(shown["leaderboard"].value) for name in (*ALGORITHMS, "seasonal_rate"))


def test_mlflow_holds_one_parent_run_with_a_nested_run_per_algorithm(sample: tuple[Place, str]) -> None:
    there, _ = sample
    script = (
        "import json, mlflow\n"
        "from crm_assets.settings import get_settings\n"
        "mlflow.set_tracking_uri(get_settings().tracking_uri)\n"
        "runs = mlflow.search_runs(experiment_names=['monthly_win_probability'])\n"
        "version = mlflow.MlflowClient().get_model_version_by_alias("
        "'monthly_win_probability_model', 'champion')\n"
        "print(json.dumps([runs.to_json(), version.version, version.tags]))\n"
    )
    done = there.python("-c", script)
    assert done.returncode == 0, done.stderr
    text, version, tags = json.loads(done.stdout.splitlines()[-1])
    runs = pd.DataFrame(json.loads(text))
    nested = runs[runs["tags.mlflow.parentRunId"].notna()]
    assert len(set(nested["tags.mlflow.parentRunId"])) == 1
    assert sorted(nested["tags.mlflow.runName"]) == sorted([*ALGORITHMS, "champion"])
    assert set(runs["status"]) == {"FINISHED"}
    for tag in ("dagster.run_id", "dagster.asset_key", "data_version", "code_version"):
        assert nested[f"tags.{tag}"].notna().all()
        assert tag in tags
    assert str(version) == "1"
    assert not list((there.folder / "home" / "mlflow-artifacts").rglob("*.pkl"))


def test_bad_input_is_one_sentence_and_leaves_what_is_stored(
    sample: tuple[Place, str], small_dump: Path
) -> None:
    there, _ = sample
    before = there.contents()
    pipeline = small_dump / "sales_pipeline.csv"
    lines = pipeline.read_text().splitlines(keepends=True)
    row = next(n for n, line in enumerate(lines) if "Won" in line)
    lines[row] = lines[row].replace("Won", "Almost")
    pipeline.write_text("".join(lines))
    done = there.python("-m", "crm_assets", CRM_SOURCE="csv", CRM_DATA_DIR=str(small_dump))
    assert done.returncode == 1
    assert f"sales_pipeline.csv, column deal_stage, row {row + 1}: 'Almost' is no stage" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    untouched = {name: content for name, content in before.items() if not name.startswith("raw_")}
    now = there.contents()
    assert {name: now[name] for name in untouched} == untouched
    assert now["raw_sales_pipeline.parquet"] == before["raw_sales_pipeline.parquet"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"CRM_SOURCE": "csv", "CRM_DATA_DIR": "nowhere"}, "There is no folder"),
        ({"CRM_FIRST_MONTH": "soon"}, "CRM_FIRST_MONTH: 'soon' is not a month"),
        ({"CRM_SOURCE": "elsewhere"}, "CRM_SOURCE: "),
        ({"CRM_LAST_MONTH": "2023-04"}, "CRM_MIN_TRAINING_MONTHS"),
    ],
)
def test_settings_that_cannot_work_are_told_in_a_sentence(
    tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    there = place(tmp_path / "place", CRM_SOURCE="sample", CRM_SAMPLE_OPPORTUNITIES="300")
    done = there.python("-m", "crm_assets", **settings)
    assert done.returncode == 1
    assert said in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_the_real_dump_is_forecast_in_full(real: tuple[Place, str]) -> None:
    there, printed = real
    assert len(there.frame("win_predictions", "2017-12")) == 1_589
    deals = there.frame("opportunities")
    assert deals.loc[deals["stage"] == "Won", "close_value"].sum() == 10_005_534
    assert "8 of 23 features know the outcome" in printed
    assert "SYNTHETIC" not in printed


def test_the_champion_of_the_real_dump_is_as_good_as_the_reference_and_no_better_than_honest(
    real: tuple[Place, str],
) -> None:
    there, _ = real
    board = there.frame("champion").set_index("contender")
    chosen = board[board["chosen"]].iloc[0]
    assert 0.825 <= chosen["test_roc_auc"] < 0.87
    assert chosen["test_brier"] <= 0.088
    assert chosen["test_realised_wins"] == 54 + 329 + 431
    assert chosen["test_roc_auc"] > board.loc["seasonal_rate", "test_roc_auc"]
    assert chosen["test_brier"] < board.loc["seasonal_rate", "test_brier"]


def test_explanations_use_admissible_features_only(real: tuple[Place, str]) -> None:
    there, _ = real
    audit = there.frame("leak_audit")
    admissible = set(audit.loc[audit["used"], "feature"])
    predicted = there.frame("win_predictions", "2017-12")
    for column, sign in (("pushed_up", 1), ("pushed_down", -1)):
        pushes = predicted[column].explode().dropna()
        assert {push["feature"] for push in pushes} <= admissible
        assert all(push["contribution"] * sign > 0 for push in pushes)
        assert predicted[column].map(len).between(1, 3).all()
