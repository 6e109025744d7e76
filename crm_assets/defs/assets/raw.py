"""Raw CRM tables, as the source gives them, and the rows that were set aside on the way."""

import dagster as dg
import pyarrow as pa

from crm_assets.crm.schema import RAW_TABLES, RawTable
from crm_assets.crm.tables import QUARANTINED_ROWS
from crm_assets.defs.assets.options import table_asset
from crm_assets.defs.metadata import table as shown
from crm_assets.defs.partitions import sifted, source
from crm_assets.sources.quarantine import by_rule, by_table, joined


def _raw_asset(table: RawTable) -> dg.AssetsDefinition:
    @table_asset(table, "raw", "csv", "parquet", description=f"{table.description} From {table.file_name}.")
    def raw(context: dg.AssetExecutionContext) -> pa.Table:
        read = sifted(table)
        context.add_output_metadata(
            {
                "source": source().description,
                "synthetic": source().synthetic,
                "rows read": read.rows_read,
                "rows set aside": read.set_aside,
                "rows set aside by rule": shown(by_rule(read.quarantined)),
            }
        )
        return read.rows

    return raw


@table_asset(QUARANTINED_ROWS, "raw", "csv", "parquet")
def quarantined_rows(context: dg.AssetExecutionContext) -> pa.Table:
    """Rows of the CRM's files that break a rule, untouched, one row for each rule that is broken.

    Empty where `CRM_ON_BAD_ROWS` is `stop`, and nothing is read then.
    """
    parted = {table.name: source().sift(table) for table in RAW_TABLES if source().quarantines}
    quarantined = joined(parted)
    context.add_output_metadata(
        {
            "rows set aside": sum(one.set_aside for one in parted.values()),
            "rows set aside by table": shown(by_table(parted)),
            "rows set aside by rule": shown(by_rule(quarantined)),
        }
    )
    return quarantined


raw_assets = [*(_raw_asset(table) for table in RAW_TABLES), quarantined_rows]
