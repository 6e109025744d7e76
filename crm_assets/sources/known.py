"""The day that a dump is known: the last day that it shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pyarrow as pa

from crm_assets.crm.archive import newest_date
from crm_assets.errors import BadInputError, SettingsError
from crm_assets.settings import Settings


def known_on(settings: Settings, tables: Mapping[str, pa.Table]) -> date:
    """Return the day that the settings name, or else the newest date in the data.

    Args:
        settings: with `known_on`.
        tables: the raw tables of the dump, by name.

    Raises:
        SettingsError: the data has dates after the day that the settings name.
        BadInputError: neither names a day.
    """
    newest = newest_date(tables)
    if settings.known_on is None:
        if newest is None:
            raise BadInputError(
                "No deal of the dump has a date, so nobody can tell when it was known: fill in when deals "
                "were engaged, or set CRM_KNOWN_ON to the last day that the dump shows, YYYY-MM-DD."
            )
        return newest
    if newest is not None and newest > settings.known_on:
        raise SettingsError(
            f"CRM_KNOWN_ON is {settings.known_on}, but the data has a date of {newest}: set it to the last "
            "day that this dump shows, or unset it to take the newest date in the data."
        )
    return settings.known_on
