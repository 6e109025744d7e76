"""The history of deals: what changed from one archived dump to the next."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from crm_assets.crm import cleaning, history
from crm_assets.crm.archive import RAW_ARCHIVE
from crm_assets.crm.history import CHANGE_RATES, FIELD_HISTORY
from crm_assets.defs.assets.options import OPTIONS, table_out
from crm_assets.defs.code_versions import code_version
from crm_assets.defs.dumps import used_dumps
from crm_assets.defs.metadata import Fact
from crm_assets.defs.metadata import table as shown
from crm_assets.defs.partitions import calendar
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.defs.told import told
from crm_assets.storage.archive import Archive
from crm_assets.storage.archived_deals import ArchivedDeals, History

CODE = (cleaning.opportunities, history.compared, history.changes, history.change_rates)


@dg.multi_asset(
    name="field_history",
    outs={
        table.name: table_out(table, "quality", "duckdb", "parquet", code=CODE, description=table.description)
        for table in (FIELD_HISTORY, CHANGE_RATES)
    },
    deps=[RAW_ARCHIVE.name],
    can_subset=True,
    **OPTIONS,
)
@told
def field_history(context: dg.AssetExecutionContext, tables: TableStoreResource) -> Iterator[dg.Output[Any]]:
    """Compare each archived dump with the one before it.

    It comes from raw_archive. The leak audit reads the rates: which columns change when deals close. People
    read the changes: which deals vanished, were reopened, or had their dates moved.
    """
    archive = Archive(tables.store)
    dumps = used_dumps(archive)
    deals = ArchivedDeals(archive, calendar().first)
    changes, rates = History(deals, code_version(*CODE)).of(dumps)
    facts = {Fact.DUMPS: len(dumps), Fact.CHANGES: shown(history.summary(rates.to_pandas()))}
    for name, made in {FIELD_HISTORY.name: changes, CHANGE_RATES.name: rates}.items():
        if name in context.op_execution_context.selected_output_names:
            yield dg.Output(made, name, metadata=facts)


history_assets = [field_history]
