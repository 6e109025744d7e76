"""Resources as parameters: a run has one table store, and dagster-aws's resource makes S3 clients."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from crm_assets.crm.schema import Column, TableSchema
from crm_assets.defs.assets.options import column_schema
from crm_assets.defs.resources.all import run_resources
from crm_assets.defs.resources.mlflow import MlflowSession
from crm_assets.defs.resources.s3 import S3, BucketStoreResource
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.settings import get_settings
from crm_assets.storage.bucket import Bucket
from crm_assets.storage.client import CONNECT_SECONDS, READ_SECONDS, S3Client

NUMBERS = TableSchema("numbers", "Numbers.", (Column("n", "int64", "A number."),), ("n",))


def test_a_run_has_one_store_for_tables_and_parameters() -> None:
    stores = []

    @dg.asset(metadata={"dagster/column_schema": column_schema(NUMBERS)})
    def numbers(tables: TableStoreResource) -> pa.Table:
        stores.append(tables.store)
        return pa.table({"n": [1, 2]})

    @dg.asset_check(asset=numbers)
    def counted(tables: TableStoreResource) -> dg.AssetCheckResult:
        stores.append(tables.store)
        # Read what the IO manager wrote, with the engine that it opened.
        return dg.AssetCheckResult(passed=tables.store.rows("numbers") == 2)

    done = dg.materialize([numbers, counted], resources=run_resources())
    assert all(check.passed for check in done.get_asset_check_evaluations())
    assert len(stores) == 2
    assert stores[0] is stores[1]


@pytest.fixture
def bucket_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CRM_S3_ENDPOINT": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "a-secret",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("bucket_settings")
def test_the_clients_of_a_run_are_made_by_the_s3_resource_of_dagster_aws() -> None:
    found: list[Bucket] = []

    @dg.asset
    def anything(tables: TableStoreResource) -> None:
        assert isinstance(tables, BucketStoreResource)
        assert isinstance(tables.store.files, Bucket)
        found.append(tables.store.files)

    assert dg.materialize([anything], resources=run_resources()).success
    [bucket] = found
    assert isinstance(bucket.s3, S3)
    assert bucket.s3.endpoint_url == "http://127.0.0.1:9"


@pytest.mark.usefixtures("bucket_settings")
def test_runs_and_commands_give_a_server_the_same_time() -> None:
    for made_by in (S3(endpoint_url="http://127.0.0.1:9"), S3Client("http://127.0.0.1:9")):
        client = made_by.get_client()
        limits = client.meta.config
        assert (limits.connect_timeout, limits.read_timeout) == (CONNECT_SECONDS, READ_SECONDS)
        assert limits.retries["total_max_attempts"] == 1
        assert client.meta.endpoint_url == "http://127.0.0.1:9"


@pytest.mark.usefixtures("bucket_settings")
def test_the_profile_of_a_resource_counts_whatever_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[profile ours]\nregion = eu-north-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    client = S3(endpoint_url="http://127.0.0.1:9", profile_name="ours").get_client()
    assert client.meta.region_name == "eu-north-1"
    client = S3(endpoint_url="http://127.0.0.1:9", profile_name="ours", region_name="eu-west-3").get_client()
    assert client.meta.region_name == "eu-west-3"


def test_the_resources_show_no_secret(bucket_settings: None) -> None:
    definitions = dg.Definitions(resources=run_resources())
    assert "a-secret" not in repr(definitions.resources)


def test_the_mlflow_run_of_a_dagster_run_ends_with_its_fate() -> None:
    fails = False

    @dg.asset
    def first(mlflow: MlflowSession) -> None:
        assert isinstance(mlflow, MlflowSession)

    @dg.asset(deps=[first])
    def second() -> None:
        if fails:
            raise ValueError("broken")

    fates = {}
    with dg.DagsterInstance.ephemeral() as instance:
        for fails in (False, True):
            done = dg.materialize(
                [first, second], instance=instance, resources=run_resources(), raise_on_error=False
            )
            assert done.success is not fails
            fates[done.run_id] = "FAILED" if fails else "FINISHED"
    from mlflow.tracking import MlflowClient

    uri = get_settings().tracking_uri
    client = MlflowClient(uri, uri)
    experiment = client.get_experiment_by_name("monthly_win_probability")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert {run.data.tags["dagster_run_id"]: run.info.status for run in runs} == fates
