"""Raw CRM tables, as the source gives them."""

import dagster as dg
import pyarrow as pa

from crm_assets.assets.options import table_asset
from crm_assets.crm.schema import RAW_TABLES, RawTable
from crm_assets.partitions import source


def _raw_asset(table: RawTable) -> dg.AssetsDefinition:
    @table_asset(table, "raw", "csv", "parquet", description=f"{table.description} From {table.file_name}.")
    def raw(context: dg.AssetExecutionContext) -> pa.Table:
        context.add_output_metadata({"source": source().description, "synthetic": source().synthetic})
        return source().read(table)

    return raw


raw_assets = [_raw_asset(table) for table in RAW_TABLES]
