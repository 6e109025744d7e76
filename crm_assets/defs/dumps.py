"""The archived dumps as assets use them."""

from __future__ import annotations

import ibis.expr.types as ir
import pandas as pd

from crm_assets.crm.archive import Dump, in_use
from crm_assets.crm.history import CHANGE_RATES, FIELD_HISTORY, VANISHED
from crm_assets.crm.horizon import newest_event
from crm_assets.defs.partitions import calendar
from crm_assets.settings import get_settings
from crm_assets.storage.archive import Archive
from crm_assets.storage.archived_deals import ArchivedDeals
from crm_assets.storage.tables import TableStore

# The dump of raw tables that are not archived, for example because somebody made them one by one.
AT_HAND = 0


def used_dumps(archive: Archive) -> list[Dump]:
    """Return the dumps that snapshots and history use, in order of their days."""
    return in_use(archive.dumps(), get_settings().withdrawn_dumps)


def deals_at_hand(store: TableStore, opportunities: ir.Table) -> tuple[ArchivedDeals, list[Dump]]:
    """Return the deals of all dumps in use, and these dumps: those of the archive and the one at hand.

    Args:
        store: the store of the raw tables and of the archive.
        opportunities: the deals of the raw tables that are stored now.
    """
    archive = Archive(store)
    dumps = used_dumps(archive)
    own = next((dump for dump in reversed(dumps) if archive.holds(dump)), None)
    if own is None:
        day = get_settings().known_on or newest_event(opportunities).to_pyarrow().as_py()
        own = Dump(day, AT_HAND, {})
        others = [dump for dump in dumps if dump.known_on != day]
        dumps = sorted([*others, own], key=lambda dump: dump.known_on)
    deals = ArchivedDeals(archive, calendar().first, {own.name: opportunities}, opportunities.columns)
    return deals, dumps


def newer_dump(archive: Archive) -> str:
    """Say that the raw tables come from an older dump than the newest one in use; empty if they do not."""
    dumps = used_dumps(archive)
    own = next((dump for dump in reversed(dumps) if archive.holds(dump)), None)
    if own is None or own == dumps[-1]:
        return ""
    return (
        f"The tables come from the dump of {own.name}, and the archive has a newer one, of {dumps[-1].name}: "
        "all that follows is as of the older day. Read the newest export, or name the newer dump in "
        "CRM_WITHDRAWN_DUMPS if it is wrong."
    )


def change_rates(store: TableStore) -> pd.DataFrame | None:
    """Return the stored table `CHANGE_RATES`; None if it is not stored or no two dumps are archived."""
    if not store.has(CHANGE_RATES.name):
        return None
    rates = store.to_pandas(store.read(CHANGE_RATES.name))
    return None if rates.empty else rates


def vanished(store: TableStore) -> set[str]:
    """Return the deals that were in an archived dump and not in the next one."""
    if not store.has(FIELD_HISTORY.name):
        return set()
    changes = store.read(FIELD_HISTORY.name)
    return set(store.to_pandas(changes.filter(changes.moment == VANISHED))["opportunity_id"])
