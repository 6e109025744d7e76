"""The options that all assets share: owner, kinds, tags, code version and column descriptions."""

import warnings
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any

import dagster as dg

from crm_assets.crm.schema import TableSchema
from crm_assets.defs.automation.freshness import monthly_freshness
from crm_assets.defs.code_versions import code_version
from crm_assets.defs.metadata import OPTIONAL_TAG, Fact
from crm_assets.defs.partitions import monthly, source
from crm_assets.defs.resources.mlflow import mlflow_run_fails_too
from crm_assets.defs.told import told
from crm_assets.settings import get_settings

OWNERS = ["team:sales-operations"]
POOLS = {"models": "training", "predictions": "predictions"}
# A person starts these when it is worth it, so they never count as late.
BY_HAND = ("tuning",)

# Settings choose the storage and the engine, so they choose these kinds. Dagster shows at most three kinds.
STORED = "parquet" if get_settings().store[0] == "local" else "s3"
CHOSEN = {"duckdb": get_settings().engine, "parquet": STORED}

# Options of every step that makes tables. A single run covers any number of months and reads its inputs once.
OPTIONS: dict[str, Any] = {
    "backfill_policy": dg.BackfillPolicy.single_run(),
    "hooks": {mlflow_run_fails_too},
}


@contextmanager
def beta() -> Generator[None]:
    """Allow features that Dagster marks as beta, for example backfill policies, which we use on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        yield


def table_asset(
    table: TableSchema,
    group: str,
    *kinds: str,
    by_month: bool = False,
    code: Iterable[Callable[..., Any]] = (),
    **more: Any,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Return the decorator of an asset that makes `table`.

    Args:
        table: the table's name, columns and description.
        group: the asset's group.
        *kinds: the tools that make it, `duckdb` for the table engine; the kind of storage is added.
        by_month: whether it is stored by month.
        code: functions that compute it, other than the decorated one and those that it names.
        **more: further arguments of `dagster.asset`.
    """

    def decorate(function: Callable[..., Any]) -> dg.AssetsDefinition:
        with beta():
            return dg.asset(
                name=table.name,
                # Runs with assets of the same pool wait for each other, so only one training runs at a time.
                pool=POOLS.get(group),
                **OPTIONS,
                **facts(table, group, *kinds, by_month=by_month, code=(function, *code)),
                **more,
            )(told(function))

    return decorate


def facts(
    table: TableSchema,
    group: str,
    *kinds: str,
    by_month: bool = False,
    code: Iterable[Callable[..., Any]] = (),
) -> dict[str, Any]:
    """Return the options of an asset, as arguments of `dagster.asset` or `dagster.AssetSpec`.

    The arguments are those of `table_asset`.
    """
    return {
        "group_name": group,
        "kinds": {STORED, *(CHOSEN.get(kind, kind) for kind in kinds)},
        "owners": OWNERS,
        "tags": {"domain": "crm"},
        "code_version": code_version(*code),
        "partitions_def": monthly if by_month else None,
        "freshness_policy": None if group in BY_HAND else monthly_freshness(),
        "metadata": {
            "dagster/column_schema": column_schema(table),
            Fact.SOURCE_IN_FORCE: source().description,
        },
    }


def table_out(
    table: TableSchema, group: str, *kinds: str, description: str, code: Iterable[Callable[..., Any]]
) -> dg.AssetOut:
    """Describe one table of an asset that makes several, as `table_asset` does for a single one."""
    told = facts(table, group, *kinds, code=code)
    del told["partitions_def"]
    return dg.AssetOut(key=table.name, description=description, is_required=False, **told)


def column_schema(table: TableSchema) -> dg.TableSchema:
    """Return the columns of a table as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.dtype,
                description=f"{column.description} [{column.unit}]" if column.unit else column.description,
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
                tags={OPTIONAL_TAG: ""} if column.name in table.optional else {},
            )
            for column in table.columns
        ]
    )
