"""What all assets share: owner, kinds, tags, column descriptions and metadata helpers."""

import base64
import warnings
from collections.abc import Callable
from typing import Any

import dagster as dg
import pandas as pd

from crm_assets.crm.schema import TableSchema
from crm_assets.defs.automation.freshness import monthly_freshness
from crm_assets.defs.partitions import monthly, source
from crm_assets.defs.resources.mlflow import mlflow_run_fails_too
from crm_assets.defs.resources.tables import markdown

OWNERS = ["team:sales-operations"]
CODE_VERSION = "1"
POOLS = {"models": "training", "predictions": "predictions"}


def table_asset(
    table: TableSchema, group: str, *kinds: str, by_month: bool = False, **more: Any
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """The decorator of an asset that makes `table`."""
    with warnings.catch_warnings():
        # Backfill policies are marked beta; that is known and decided.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.asset(
            name=table.name,
            group_name=group,
            kinds=set(kinds),
            owners=OWNERS,
            tags={"domain": "crm"},
            code_version=CODE_VERSION,
            partitions_def=monthly if by_month else None,
            # One run for any number of months, so that a backfill reads its inputs once.
            backfill_policy=dg.BackfillPolicy.single_run(),
            freshness_policy=monthly_freshness(),
            # Runs with assets of the same pool wait for each other: no two trainings at once.
            pool=POOLS.get(group),
            metadata={"dagster/column_schema": column_schema(table), "source in force": source().description},
            hooks={mlflow_run_fails_too},
            **more,
        )


def table_out(table: TableSchema, group: str, *kinds: str, description: str) -> dg.AssetOut:
    """Describe one of the tables that an asset of several tables makes, as `table_asset` does for one."""
    return dg.AssetOut(
        key=table.name,
        description=description,
        group_name=group,
        kinds=set(kinds),
        owners=OWNERS,
        tags={"domain": "crm"},
        code_version=CODE_VERSION,
        freshness_policy=monthly_freshness(),
        metadata={"dagster/column_schema": column_schema(table)},
        is_required=False,
    )


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


def picture(png: bytes) -> dg.MarkdownMetadataValue:
    """A PNG shown inline in the UI."""
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{base64.b64encode(png).decode()})")


def link(address: str) -> dg.MetadataValue:
    """Where to look further: to click on where it is a URL."""
    return dg.MetadataValue.url(address) if address.startswith("http") else dg.MetadataValue.text(address)


def table(frame: pd.DataFrame) -> dg.MarkdownMetadataValue:
    """A data frame shown inline in the UI."""
    return dg.MetadataValue.md(markdown(frame))
