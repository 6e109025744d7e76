"""Predictions and forecasts as they were said: a copy that no later run rewrites.

A run of all months predicts past months again, with what is known by now. So whoever asks whether a forecast
held needs the one that was stored while its month was the newest of the data and nobody knew what would come.
"""

from __future__ import annotations

import shutil

from crm_assets.crm.tables import REVENUE_FORECAST, WIN_FEATURES, WIN_PREDICTIONS
from crm_assets.errors import StorageError
from crm_assets.storage.folder import cannot
from crm_assets.storage.tables import TableStore

# The tables of which there is a copy, and the name of the copy.
KEPT = {table.name: f"{table.name}_said" for table in (WIN_PREDICTIONS, REVENUE_FORECAST)}


def keep_said(store: TableStore, name: str, month: str) -> None:
    """Copy a stored month of a table of `KEPT`, if it is the newest month and so nobody knows its outcome.

    Raises:
        StorageError: the store cannot be written.
    """
    if name not in KEPT or month != max(store.months(WIN_FEATURES.name), default=None):
        return
    draft = store.files.draft()
    try:
        shutil.copyfile(store.path(name, month), draft)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StorageError(cannot("write", store.where(KEPT[name], month), error)) from error
    store.keep(draft, KEPT[name], month)


def as_said(store: TableStore, name: str, month: str) -> tuple[str, bool]:
    """Return which table holds a month of `name` as it was said, and whether it was stored then.

    Without a copy it is the table itself: the month was predicted only later.
    """
    kept = month in store.months(KEPT[name])
    return (KEPT[name] if kept else name), kept
