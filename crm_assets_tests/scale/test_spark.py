"""Apache Spark as the table engine: the same rows as DuckDB, on a real local Spark."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_assets.crm import cleaning
from crm_assets.crm.horizon import horizon
from crm_assets.crm.schema import RAW_PRODUCTS, RAW_SALES_PIPELINE, RAW_TABLES
from crm_assets.crm.tables import OPPORTUNITIES, TRAINING_SET
from crm_assets.defs.checks.evaluate import evaluate
from crm_assets.defs.checks.features import FEATURES
from crm_assets.defs.checks.raw import SUITES
from crm_assets.defs.checks.snapshots import SNAPSHOTS
from crm_assets.defs.checks.suite import Suite
from crm_assets.modeling import forecast, training
from crm_assets.sources.sample import SyntheticSample
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore
from crm_assets_tests.chain import write_months

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


def test_xgboost_trains_on_the_workers(stores: dict[str, TableStore], tmp_path: Path) -> None:
    from pyspark.sql import SparkSession

    script = runpy.run_path(str(ROOT / "docker" / "scale" / "train_on_spark.py"))
    session = SparkSession.getActiveSession()
    assert session is not None
    paths = [str(stores["pyspark"].path("win_features", month)) for month in MONTHS[:2]]
    rows = session.read.parquet(*paths).fillna(-1.0, script["NUMBERS"]).repartition(2)
    model = script["train"](rows, 2)
    assert 0.5 < script["auc"](model, rows) <= 1
    model.get_booster().save_model(tmp_path / "model.json")


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
