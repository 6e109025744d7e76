"""The assets from cleaned deals to features: deals, monthly snapshots, and features of open deals."""

import dagster as dg
import ibis.expr.types as ir

from crm_assets.crm import cleaning, features, snapshots
from crm_assets.crm.archive import RAW_ARCHIVE, record_of
from crm_assets.crm.monthly import MonthlyQuery
from crm_assets.crm.tables import DEAL_FEATURES_TABLE, MONTHLY_SNAPSHOTS, OPPORTUNITIES, WIN_FEATURES
from crm_assets.defs.assets.options import table_asset
from crm_assets.defs.dumps import deals_at_hand
from crm_assets.defs.metadata import Fact
from crm_assets.defs.partitions import calendar, data_horizon
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.storage.monthly import MonthlyTables


@table_asset(
    OPPORTUNITIES,
    "crm",
    "duckdb",
    "parquet",
    ins={table.name: dg.AssetIn(dagster_type=ir.Table) for table in cleaning.JOINED},
)
def opportunities(**raw: ir.Table) -> ir.Table:
    """One row per deal, with normalized names and the details of its product, agent and account.

    It joins the raw tables. Snapshots, features and labels are made from it.
    """
    return cleaning.opportunities(raw, calendar().first)


@table_asset(
    MONTHLY_SNAPSHOTS,
    "snapshots",
    "duckdb",
    "parquet",
    by_month=True,
    deps=[RAW_ARCHIVE.name],
    code=[snapshots.monthly_snapshots, snapshots.completed, cleaning.opportunities],
)
def monthly_snapshots(
    context: dg.AssetExecutionContext, opportunities: ir.Table, tables: TableStoreResource
) -> list[MonthlyQuery]:
    """One row per month and deal known at the month's end, with the stage and dates known then.

    It comes from opportunities and, for months that an archived dump has recorded, from that dump. Features
    use it, so that no model sees anything dated after the month.
    """
    deals, dumps = deals_at_hand(tables.store, opportunities)
    recorded = [month for month in context.partition_keys if record_of(month, dumps).dump.records(month)]
    context.add_output_metadata({Fact.RECORDED: ", ".join(recorded) or "none"})
    return deals.snapshots(context.partition_keys, dumps)


@table_asset(WIN_FEATURES, "features", "duckdb", "parquet", by_month=True)
def win_features(monthly_snapshots: MonthlyTables, opportunities: ir.Table) -> MonthlyQuery:
    """One row per month and deal open at the month's end: its features as known then, and its labels.

    It comes from monthly_snapshots; the labels come from opportunities. Models learn from it and score it.
    """
    return features.monthly_features(opportunities, monthly_snapshots, data_horizon(opportunities))


@table_asset(DEAL_FEATURES_TABLE, "features", "duckdb", "parquet", by_month=True)
def deal_features(monthly_snapshots: MonthlyTables, opportunities: ir.Table) -> MonthlyQuery:
    """One row per month and deal open at the month's end: features from what this CRM says of a deal.

    It comes from monthly_snapshots, and has no rows if the CRM says nothing beyond the 23. Models use these
    features beside those of win_features, if the leak audit admits them.
    """
    return features.monthly_deal_features(opportunities, monthly_snapshots)


crm_assets = [opportunities, monthly_snapshots, win_features, deal_features]
