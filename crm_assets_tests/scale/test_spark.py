"""Apache Spark as the engine: the same rows as DuckDB and the same trees as here, on a real local Spark."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import mlflow
import numpy as np
import pytest
from mlflow.tracking import MlflowClient
from pandas.testing import assert_frame_equal

from crm_assets.crm import cleaning
from crm_assets.crm.feature_table import FEATURE_NAMES
from crm_assets.crm.horizon import horizon
from crm_assets.crm.schema import RAW_PRODUCTS, RAW_SALES_PIPELINE, RAW_TABLES
from crm_assets.crm.tables import OPPORTUNITIES, TRAINING_SET
from crm_assets.defs.checks.evaluate import evaluate
from crm_assets.defs.checks.features import FEATURES
from crm_assets.defs.checks.raw import SUITES
from crm_assets.defs.checks.snapshots import SNAPSHOTS
from crm_assets.defs.checks.suite import Suite
from crm_assets.errors import EngineError
from crm_assets.modeling import forecast, training
from crm_assets.modeling.algorithms import algorithm
from crm_assets.modeling.folds import FoldModels, last_lesson, learn
from crm_assets.registry import models, tracking
from crm_assets.sources.sample import SyntheticSample
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore
from crm_assets_tests.chain import write_months
from crm_assets_tests.registry import deals

if TYPE_CHECKING:
    from crm_assets.engine.spark import SparkEngine

XGBOOST = algorithm("xgboost")
PIPELINE = tuple(suite for suite in SUITES if suite.table is RAW_SALES_PIPELINE)

pytest.importorskip("pyspark", reason="make install-scale")

ROOT = Path(__file__).parent.parent.parent
# The first month, which has no closed deal, one in the middle, and the last, which has no label yet.
MONTHS = ["2022-10", "2023-08", "2023-12"]


@pytest.fixture(scope="module")
def spark_settings() -> Iterator[None]:
    """Use the project's spark-defaults.conf, with two local cores instead of the cluster."""
    here = {
        "SPARK_CONF_DIR": str(ROOT / "docker" / "scale"),
        # Few partitions and the quick compiler, since the data is small and the session short.
        "PYSPARK_SUBMIT_ARGS": "--master local[2] --driver-memory 1g --conf spark.sql.shuffle.partitions=2 "
        "--conf spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1 pyspark-shell",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    before = {name: os.environ.get(name) for name in here}
    os.environ.update(here)
    yield
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, spark_settings: None) -> Iterator[dict[str, TableStore]]:
    """Return every table that runs in the engine, made by each engine from the same raw tables."""
    base = tmp_path_factory.mktemp("engines")
    both = {n: TableStore(Folder(base / n), "1GB", n, base / "scratch") for n in ("duckdb", "pyspark")}
    for store in both.values():
        _make_all(store)
    yield both
    both["pyspark"].engine.disconnect()


def _make_all(store: TableStore) -> None:
    sample = SyntheticSample(600, seed=3)
    for table in RAW_TABLES:
        store.write(table.name, sample.read(table), table.arrow)
    raw = {table.name: store.read(table.name) for table in RAW_TABLES}
    store.write("opportunities", cleaning.opportunities(raw, MONTHS[0]), OPPORTUNITIES.arrow)
    deals = store.read("opportunities")
    last = horizon(deals, None)
    write_months(store, deals, MONTHS, last)
    labeled = training.training_set(store.read("win_features", MONTHS), deals)
    store.write("training_set", labeled, TRAINING_SET.arrow)


@pytest.mark.parametrize("name", ["opportunities", "monthly_snapshots", "win_features", "training_set"])
def test_spark_and_duckdb_store_the_same_bytes(stores: dict[str, TableStore], name: str) -> None:
    for month in stores["duckdb"].months(name) or [None]:
        ours, other = (store.path(name, month).read_bytes() for store in stores.values())
        assert ours == other, month
        assert stores["pyspark"].rows(name, month) > 0


def test_expected_values_are_the_same(stores: dict[str, TableStore]) -> None:
    values = [
        store.engine.to_pyarrow(forecast.expected_values(store.read("monthly_snapshots", ["2023-08"])))
        for store in stores.values()
    ]
    assert values[0].equals(values[1])


@pytest.mark.parametrize("suite", [SNAPSHOTS, FEATURES], ids=lambda suite: suite.name)
def test_the_gates_judge_alike(stores: dict[str, TableStore], suite: Suite) -> None:
    verdicts = [evaluate(store, (suite,), MONTHS[1:2], limit=0) for store in stores.values()]
    assert verdicts[0] == verdicts[1]
    assert verdicts[0].rows > 0


def test_a_deal_of_an_unknown_product_is_found_alike(stores: dict[str, TableStore], tmp_path: Path) -> None:
    found = []
    for name, store in stores.items():
        copy = TableStore(Folder(tmp_path / name), "1GB", name, tmp_path / "scratch")
        for table in RAW_TABLES:
            rows = store.read(table.name)
            if table is RAW_PRODUCTS:
                rows = rows.filter(rows["product"] != "Product A Pro")
            copy.write(table.name, store.engine.to_pyarrow(rows), table.arrow)
        verdict = evaluate(copy, PIPELINE, None, limit=0)
        found.append({o.rule: (o.unexpected, o.observed) for o in verdict.broken("should")})
    assert found[0] == found[1]
    assert found[0]["product_in_products"][1] == "Product A Pro"


def test_nothing_is_left_in_the_scratch_folder(stores: dict[str, TableStore]) -> None:
    scratch = stores["pyspark"].scratch_root
    assert scratch is not None
    assert list(scratch.rglob("spark-*")) == []


@pytest.fixture(scope="module")
def spark(stores: dict[str, TableStore]) -> SparkEngine:
    return cast("SparkEngine", stores["pyspark"].engine)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[MlflowClient]:
    """Return an embedded registry, like on a laptop."""
    before, uri = mlflow.get_tracking_uri(), f"sqlite:///{tmp_path / 'mlflow.db'}"
    tracking.connect(uri, tmp_path / "artifacts")
    yield MlflowClient(uri, uri)
    mlflow.set_tracking_uri(before)


def test_xgboost_on_spark_gives_the_same_table_wins_and_is_registered_as_any_other(
    spark: SparkEngine, registry: MlflowClient
) -> None:
    rows = deals.training_rows()
    here = deals.candidate(rows, XGBOOST.name)
    there = deals.candidate(rows, XGBOOST.name, FoldModels(spark))
    assert_frame_equal(here.walk_forward, there.walk_forward)
    assert_frame_equal(here.leaderboard, there.leaderboard)
    steps = [candidate.model.pipeline for candidate in (here, there)]
    assert [type(step) for step in steps[0]] == [type(step) for step in steps[1]]
    trees = [step[-1].get_booster().trees_to_dataframe() for step in steps]
    assert_frame_equal(trees[0], trees[1])
    experiment = registry.get_experiment_by_name(tracking.EXPERIMENT)
    assert experiment is not None
    with mlflow.start_run(experiment_id=experiment.experiment_id) as run:
        models.register(there, rows, {}, run.info.run_id, deals.card_of(there, rows))
    live = rows.rows(rows.months[-1:])
    # Unknown categories and missing numbers as well.
    live.loc[live.index[0], ["product", "sales_agent"]] = "Nobody knows it"
    live.loc[live.index[1], ["list_price", "agent_win_rate"]] = float("nan")
    matrix = XGBOOST.matrix(live, here.features)
    expected = here.model.predict_proba(matrix)[:, 1]
    assert models.load_champion().probabilities(live)["probability"].tolist() == expected.tolist()


def test_more_rows_have_more_workers_who_agree_every_time(spark: SparkEngine) -> None:
    lesson = last_lesson(deals.training_rows(), list(FEATURE_NAMES), deals.SEED)
    matrix = XGBOOST.matrix(lesson.rows.rows(lesson.months), lesson.features)
    halves = replace(XGBOOST, max_training_rows=len(matrix) // 2 + 1)
    first, again = (XGBOOST.scores(learn(halves, lesson, spark), matrix) for _ in range(2))
    assert first.tolist() == again.tolist()
    # They learn from all rows: on this machine it would be a sample of half of them.
    alone = XGBOOST.scores(learn(XGBOOST, lesson), matrix)
    assert first.tolist() != alone.tolist()
    assert np.corrcoef(first, alone)[0, 1] > 0.95


def test_a_failure_of_spark_is_one_sentence(spark: SparkEngine) -> None:
    def fails(*_: object) -> None:
        from pyspark.errors import PySparkException

        raise PySparkException("no worker is left\nand a hundred lines")

    lesson = last_lesson(deals.training_rows(), list(FEATURE_NAMES), deals.SEED)
    with pytest.raises(EngineError, match=r"^Spark could not train xgboost: no worker is left; look"):
        learn(replace(XGBOOST, on_spark=fails), lesson, spark)


def test_without_pyspark_the_setting_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['pyspark'] = None\n"
        "from crm_assets.engine.choice import open_engine\n"
        "from crm_assets.errors import EngineError\n"
        "try: open_engine('pyspark', '1GB', None)\n"
        "except EngineError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "make install-scale" in run.stdout
