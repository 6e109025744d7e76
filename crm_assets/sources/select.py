"""Which source the settings choose, and which months the graph covers."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from crm_assets.crm.months import MonthRange, shift
from crm_assets.errors import BadInputError, SettingsError
from crm_assets.settings import OPEN_END, Settings
from crm_assets.sources import calendar
from crm_assets.sources.base import Source
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.kaggle import KaggleDataset, kaggle_credentials_present
from crm_assets.sources.mapping.folder import MappedFolder
from crm_assets.sources.mapping.load import DEFAULT, load
from crm_assets.sources.sample import SyntheticSample


def select_source(settings: Settings) -> Source:
    """Return the source that `CRM_SOURCE` names; `auto` takes the first that is available.

    Raises:
        SettingsError: the CSV source is chosen without a folder, its mapping is not valid, or a mapping is
            chosen without files to map.
    """
    quarantines = settings.on_bad_rows == "quarantine"
    chosen, why = settings.source, f"CRM_SOURCE={settings.source}"
    if chosen == "auto":
        chosen, why = _at_hand(settings)
        if chosen != "csv" and settings.mapping != DEFAULT and settings.pull is None:
            raise SettingsError(
                f"CRM_MAPPING={settings.mapping} says how the files in CRM_DATA_DIR are called, but that is "
                "not set; set it to the folder of the CRM's files, or unset CRM_MAPPING."
            )
    if chosen == "csv":
        if settings.data_dir is None and settings.pull is None:
            raise SettingsError("CRM_SOURCE=csv needs CRM_DATA_DIR: set it to the folder of the CSV files.")
        folder, mapping = settings.pulled_dir, settings.mapping
        if settings.pull is not None and mapping == DEFAULT:
            mapping = settings.pull
        described = f"CSV files in {folder} ({why})"
        if mapping != DEFAULT:
            loaded = load(mapping)
            return MappedFolder(
                folder,
                f"CRM files in {folder} ({why}; mapped by {loaded.name})",
                quarantines=quarantines,
                max_bad_share=settings.max_bad_share,
                given_name=settings.source_name,
                loaded=loaded,
            )
        return CsvFolder(
            folder,
            described,
            quarantines=quarantines,
            max_bad_share=settings.max_bad_share,
            given_name=settings.source_name,
        )
    if chosen == "kaggle":
        described = f"Kaggle data set {settings.kaggle_dataset} ({why})"
        return KaggleDataset(
            settings.kaggle_dataset,
            settings.downloads_dir,
            described,
            quarantines=quarantines,
            max_bad_share=settings.max_bad_share,
        )
    described = (
        f"SYNTHETIC sample of {settings.sample_opportunities:,} opportunities, "
        f"seed {settings.sample_seed} ({why})"
    )
    return SyntheticSample(settings.sample_opportunities, settings.sample_seed, described)


def said_to_people(source: Source) -> str:
    """Return the description of a source for people who do not run the graph: no folders and no settings."""
    text = source.description.rpartition(" (")[0] or source.description
    folder = getattr(source, "folder", None)
    return text if folder is None else text.replace(str(folder), Path(folder).name)


def month_range(settings: Settings, source: Source, deals: pa.Table | None = None) -> MonthRange:
    """Return the months of the graph; read the source's own from its data, and record them.

    Args:
        settings: may name the months.
        source: the source.
        deals: columns of `crm.schema.RAW_SALES_PIPELINE`, if the source has been read already.

    Raises:
        SettingsError: the range is empty or ends after the data.
        BadInputError, SourceUnavailableError: the data cannot be read.
    """
    read = None if deals is None else calendar.covered_by(deals)
    found = source.known_months or read or source.month_range()
    months = within(settings, found)
    calendar.note(settings.home, source.identity, found)
    return months


def known_range(settings: Settings, source: Source) -> MonthRange | None:
    """Return the months of the graph if they are known without opening any data, else None.

    They are known if the settings name them, the source's months never change, or a run recorded them.

    Raises:
        SettingsError: the range is empty or ends after the data.
    """
    found = source.known_months or calendar.noted(settings.home, source.identity)
    if found is not None:
        return within(settings, found)
    first, last = settings.first_month, settings.last_month
    return MonthRange(first, last) if first and last and last != OPEN_END else None


def within(settings: Settings, found: MonthRange) -> MonthRange:
    """Return the months that the settings name; the source's own fill what the settings leave open.

    Raises:
        SettingsError: the range is empty or ends after the data.
        BadInputError: the data covers no whole month.
    """
    first = settings.first_month or found.first
    last = found.last if settings.last_month in (None, OPEN_END) else str(settings.last_month)
    if found.first > found.last and (first, last) == (found.first, found.last):
        raise BadInputError(
            f"The deals begin in {found.first} and end before that month is over: they cover no whole month. "
            "A forecast needs two months or more, and won and lost deals: export older and closed deals too."
        )
    if first > last:
        raise SettingsError(
            f"The first month, {first}, is after the last month, {last}: correct CRM_FIRST_MONTH or "
            "CRM_LAST_MONTH, or unset them to take both from the data."
        )
    # Allow one month more: it may have begun, and only the exporter knows whether it is complete.
    if last > shift(found.last, 1):
        raise SettingsError(
            f"CRM_LAST_MONTH {last} lies after the data, which covers {found.first} to {found.last}; unset "
            f"it to take {found.last}, or set it to {OPEN_END} if the data grows with the calendar."
        )
    return MonthRange(first, last)


def _at_hand(settings: Settings) -> tuple[str, str]:
    if settings.pull is not None:
        return "csv", f"CRM_PULL={settings.pull}"
    if settings.data_dir is not None:
        return "csv", "CRM_DATA_DIR is set"
    if kaggle_credentials_present():
        return "kaggle", "Kaggle credentials are set"
    return "sample", "neither CRM_DATA_DIR nor Kaggle credentials are set"
