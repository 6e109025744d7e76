"""The raw CRM tables as the source provides them, the rows that were quarantined, and the archive of both."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg

from crm_assets.crm.archive import RAW_ARCHIVE, archive_table
from crm_assets.crm.schema import RAW_SALES_PIPELINE, RAW_TABLES, RawTable
from crm_assets.crm.tables import QUARANTINED_ROWS
from crm_assets.defs.assets.options import OPTIONS, table_out
from crm_assets.defs.assets.pulled import pulled_assets
from crm_assets.defs.dumps import used_dumps
from crm_assets.defs.metadata import PLAINLY_READ, Fact
from crm_assets.defs.metadata import table as shown
from crm_assets.defs.partitions import check_run, note_months, source
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.defs.told import told
from crm_assets.settings import get_settings
from crm_assets.sources.base import Source
from crm_assets.sources.known import known_on
from crm_assets.sources.quarantine import Sifted, by_rule, by_table, by_value, joined
from crm_assets.sources.select import select_source
from crm_assets.storage.archive import Archive

# A pull brings the files before they are read.
pulled = pulled_assets()


@dg.multi_asset(
    name="raw_tables",
    outs={
        **{
            table.name: table_out(
                table,
                "raw",
                "csv",
                code=[select_source],
                description=f"{table.description} The rows come from {table.file_name}.",
            )
            for table in RAW_TABLES
        },
        QUARANTINED_ROWS.name: table_out(
            QUARANTINED_ROWS,
            "raw",
            "csv",
            code=[select_source],
            description=f"{QUARANTINED_ROWS.description} It is empty if `CRM_ON_BAD_ROWS` is `stop`.",
        ),
        RAW_ARCHIVE.name: table_out(
            RAW_ARCHIVE,
            "quality",
            "csv",
            code=[select_source, archive_table],
            description=f"{RAW_ARCHIVE.description} Every dump that is taken in stays, whole and unchanged; "
            "a table that has not changed is stored once.",
        ),
    },
    deps=[key for asset in pulled for key in asset.keys],
    can_subset=True,
    **OPTIONS,
)
@told
def raw_tables(context: dg.AssetExecutionContext, tables: TableStoreResource) -> Iterator[dg.Output[Any]]:
    """Read each of the CRM's files once, store the usable rows, and archive the dump.

    All files are judged before any table is stored, so that bad input does not change the stored tables.
    """
    check_run(context.run.tags)
    chosen = context.op_execution_context.selected_output_names
    wanted = [table for table in RAW_TABLES if table.name in chosen]
    archives = RAW_ARCHIVE.name in chosen
    sets_aside = QUARANTINED_ROWS.name in chosen and source().quarantines
    read = source().take(*(RAW_TABLES if sets_aside or archives else wanted))
    day = known_on(get_settings(), {name: one.rows for name, one in read.items()}) if archives else None
    # An older dump that is only archived says nothing about the months of the graph.
    if RAW_SALES_PIPELINE.name in chosen and (new := note_months(read[RAW_SALES_PIPELINE.name].rows)):
        context.log.info(
            f"The data covers {new.first} to {new.last}. Reload the code location to see these months."
        )
    for table in wanted:
        yield dg.Output(read[table.name].rows, table.name, metadata=_facts(table, read[table.name], source()))
    if QUARANTINED_ROWS.name in chosen:
        aside = read if sets_aside else {}
        quarantined = joined(aside)
        yield dg.Output(
            quarantined,
            QUARANTINED_ROWS.name,
            metadata={
                Fact.ROWS_SET_ASIDE: sum(one.set_aside for one in aside.values()),
                Fact.SET_ASIDE_BY_TABLE: shown(by_table(aside)),
                Fact.SET_ASIDE_BY_RULE: shown(by_rule(quarantined)),
            },
        )
    # Last: a dump whose tables could not be stored is not archived.
    if day is not None:
        yield _archived(Archive(tables.store), read, day)


def _archived(archive: Archive, read: dict[str, Sifted], day: date) -> dg.Output[Any]:
    """Archive a dump, and return the table of all archived dumps."""
    dump = archive.add({n: one.rows for n, one in read.items()} | {QUARANTINED_ROWS.name: joined(read)}, day)
    dumps = archive.dumps()
    frame = archive_table(dumps, used_dumps(archive))
    own = frame[frame["dump"] == dump.name]
    facts = {
        Fact.DUMP: dump.name,
        Fact.DUMPS: len(dumps),
        Fact.NEWEST_DUMP: dumps[-1].name,
        Fact.NEW_TABLES: ", ".join(own.loc[own["first_in"] == dump.name, "table"]) or "none",
        Fact.ARCHIVE_BYTES: int(frame.drop_duplicates(["table", "digest"])["bytes"].sum()),
    }
    return dg.Output(frame, RAW_ARCHIVE.name, metadata=facts)


def _facts(table: RawTable, read: Sifted, source: Source) -> dict[str, Any]:
    """Return what the UI shows about a raw table."""
    return {
        Fact.SOURCE: source.description,
        Fact.SYNTHETIC: source.synthetic,
        Fact.IN_THE_SOURCE: table.is_there(read.rows_read),
        Fact.ROWS_READ: read.rows_read,
        Fact.ROWS_SET_ASIDE: read.set_aside,
        Fact.SET_ASIDE_BY_RULE: shown(by_rule(read.quarantined)),
        Fact.LEFT_OUT: shown(by_value(read)),
        Fact.HOW_READ: "\n".join((*read.notes, *(one.sentence for one in read.told))) or PLAINLY_READ,
    }


raw_assets = [*pulled, raw_tables]
