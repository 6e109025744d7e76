"""Scores that go back to the CRM. The asset exists only if settings name a CRM."""

from typing import TYPE_CHECKING

import dagster as dg

from crm_assets.crm.tables import WIN_FEATURES, WIN_PREDICTIONS
from crm_assets.defs.assets.options import OWNERS
from crm_assets.defs.code_versions import code_version
from crm_assets.defs.metadata import Fact
from crm_assets.defs.partitions import source
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.defs.told import told
from crm_assets.settings import get_settings

if TYPE_CHECKING:
    from crm_assets.writeback.run import Written

WRITE_BACK = "write_back"


def written(tables: TableStoreResource) -> "Written":
    """Write back what changed; see `writeback.run.write_back`."""
    from crm_assets.insight.reading import Reader
    from crm_assets.writeback.run import write_back

    settings = get_settings()
    return write_back(settings, Reader(tables.store), str(settings.write_back), settings.write_back_send)


@dg.asset(
    name=WRITE_BACK,
    group_name=WRITE_BACK,
    owners=OWNERS,
    kinds={"csv"},
    tags={"domain": "crm"},
    deps=[WIN_PREDICTIONS.name, WIN_FEATURES.name],
    code_version=code_version(written),
    metadata={Fact.SOURCE_IN_FORCE: source().description},
)
@told
def write_back(context: dg.AssetExecutionContext, tables: TableStoreResource) -> dg.MaterializeResult:
    """The scores, bands and reasons of the deals that changed, in the form that the CRM imports.

    They come from win_predictions. With CRM_WRITE_BACK_SEND=true they also go out through the CRM's
    interface; without it nothing leaves this machine. Sales people see the scores beside their deals.
    """
    done = written(tables)
    for refusal in done.refused:
        context.log.warning(f"{done.crm} did not take {refusal.id}: {refusal.why}")
    return dg.MaterializeResult(
        metadata={
            Fact.PATH: dg.MetadataValue.path(done.file),
            Fact.SCORED_DEALS: done.deals,
            Fact.CHANGED_DEALS: done.changed,
            Fact.SENT_DEALS: done.sent,
            Fact.REFUSED_DEALS: len(done.refused),
        }
    )


write_back_assets = [write_back] if get_settings().write_back else []
