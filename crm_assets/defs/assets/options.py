"""What all assets share: owner, kinds, tags, code version and column descriptions."""

import warnings
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any

import dagster as dg

from crm_assets.crm.schema import TableSchema
from crm_assets.defs.automation.freshness import monthly_freshness
from crm_assets.defs.code_versions import code_version
from crm_assets.defs.metadata import Fact
from crm_assets.defs.partitions import monthly, source
from crm_assets.defs.resources.mlflow import mlflow_run_fails_too
from crm_assets.settings import get_settings

OWNERS = ["team:sales-operations"]
POOLS = {"models": "training", "predictions": "predictions"}

# What keeps the tables, and kinds that stand for what settings choose. Dagster shows at most three.
STORED = "parquet" if get_settings().store[0] == "local" else "s3"
CHOSEN = {"duckdb": get_settings().engine, "parquet": STORED}

# What every step that makes tables has. One run for any number of months reads its inputs once.
OPTIONS: dict[str, Any] = {
    "backfill_policy": dg.BackfillPolicy.single_run(),
    "hooks": {mlflow_run_fails_too},
}


@contextmanager
def beta() -> Generator[None]:
    """Use what Dagster marks as beta, such as backfill policies: that is known and decided."""
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
        table: its name, columns and description.
        group: its group.
        *kinds: what makes it, `duckdb` for the table engine; what keeps it is added.
        by_month: whether it is kept by month.
        code: what computes it beside the decorated function and what that names.
        **more: further arguments of `dagster.asset`.
    """

    def decorate(function: Callable[..., Any]) -> dg.AssetsDefinition:
        with beta():
            return dg.asset(
                name=table.name,
                # Runs with assets of the same pool wait for each other: no two trainings at once.
                pool=POOLS.get(group),
                **OPTIONS,
                **facts(table, group, *kinds, by_month=by_month, code=(function, *code)),
                **more,
            )(function)

    return decorate


def facts(
    table: TableSchema,
    group: str,
    *kinds: str,
    by_month: bool = False,
    code: Iterable[Callable[..., Any]] = (),
) -> dict[str, Any]:
    """Return what Dagster is told of every asset, as arguments of `dagster.asset` or `dagster.AssetSpec`.

    The arguments are those of `table_asset`.
    """
    return {
        "group_name": group,
        "kinds": {STORED, *(CHOSEN.get(kind, kind) for kind in kinds)},
        "owners": OWNERS,
        "tags": {"domain": "crm"},
        "code_version": code_version(*code),
        "partitions_def": monthly if by_month else None,
        "freshness_policy": monthly_freshness(),
        "metadata": {
            "dagster/column_schema": column_schema(table),
            Fact.SOURCE_IN_FORCE: source().description,
        },
    }


def table_out(
    table: TableSchema, group: str, *kinds: str, description: str, code: Iterable[Callable[..., Any]]
) -> dg.AssetOut:
    """Describe one of the tables that an asset of several tables makes, as `table_asset` does for one."""
    told = facts(table, group, *kinds, code=code)
    del told["partitions_def"]
    return dg.AssetOut(key=table.name, description=description, is_required=False, **told)


def column_schema(table: TableSchema) -> dg.TableSchema:
    """The columns of a table as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.dtype,
                description=f"{column.description} [{column.unit}]" if column.unit else column.description,
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in table.columns
        ]
    )
