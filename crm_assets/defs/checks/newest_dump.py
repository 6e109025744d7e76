"""The gate of the archive: the tables are made from its newest dump."""

import dagster as dg

from crm_assets.crm.tables import OPPORTUNITIES
from crm_assets.defs.dumps import newer_dump
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.defs.told import told
from crm_assets.storage.archive import Archive


@dg.asset_check(
    asset=OPPORTUNITIES.name,
    additional_deps=["raw_archive"],
    description="The deals are those of the newest archived dump.",
)
@told
def dump_is_the_newest(tables: TableStoreResource) -> dg.AssetCheckResult:
    """Warn if the archive has a newer dump than the one that the raw tables come from."""
    told = newer_dump(Archive(tables.store))
    return dg.AssetCheckResult(
        passed=not told,
        severity=dg.AssetCheckSeverity.WARN,
        description=told or "The deals are those of the newest archived dump.",
    )
