"""Which source the settings choose, and which months the graph covers."""

from __future__ import annotations

from crm_assets.crm.months import MonthRange, shift
from crm_assets.errors import SettingsError
from crm_assets.settings import OPEN_END, Settings
from crm_assets.sources import calendar
from crm_assets.sources.base import Source
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.kaggle import KaggleDataset, kaggle_credentials_present
from crm_assets.sources.sample import SyntheticSample


def select_source(settings: Settings) -> Source:
    """The source that `CRM_SOURCE` names; `auto` takes the first that is at hand.

    Raises:
        SettingsError: the CSV source is chosen without a folder.
    """
    quarantines = settings.on_bad_rows == "quarantine"
    chosen, why = settings.source, f"CRM_SOURCE={settings.source}"
    if chosen == "auto":
        chosen, why = _at_hand(settings)
    if chosen == "csv":
        if settings.data_dir is None:
            raise SettingsError("CRM_SOURCE=csv needs CRM_DATA_DIR, the folder of the CSV files.")
        described = f"CSV files in {settings.data_dir} ({why})"
        return CsvFolder(
            settings.data_dir, described, quarantines=quarantines, given_name=settings.source_name
        )
    if chosen == "kaggle":
        described = f"Kaggle data set {settings.kaggle_dataset} ({why})"
        return KaggleDataset(
            settings.kaggle_dataset, settings.downloads_dir, described, quarantines=quarantines
        )
    described = (
        f"SYNTHETIC sample of {settings.sample_opportunities:,} opportunities, "
        f"seed {settings.sample_seed} ({why})"
    )
    return SyntheticSample(settings.sample_opportunities, settings.sample_seed, described)


def month_range(settings: Settings, source: Source) -> MonthRange:
    """The months of the graph, the source's own read from its data and noted for whoever asks next.

    Raises:
        SettingsError: the range is empty, or ends past the data.
        BadInputError, SourceUnavailableError: the data cannot be read.
    """
    found = source.known_months or source.month_range()
    months = within(settings, found)
    calendar.note(settings.home, source.identity, found)
    return months


def known_range(settings: Settings, source: Source) -> MonthRange | None:
    """The months of the graph where they are known without opening any data, else None.

    They are known from the settings, of a source whose months never change, or where a run has noted them.

    Raises:
        SettingsError: the range is empty, or ends past the data.
    """
    found = source.known_months or calendar.noted(settings.home, source.identity)
    if found is not None:
        return within(settings, found)
    first, last = settings.first_month, settings.last_month
    return MonthRange(first, last) if first and last and last != OPEN_END else None


def within(settings: Settings, found: MonthRange) -> MonthRange:
    """What the settings say of the months, and the source's own where they do not.

    Raises:
        SettingsError: the range is empty, or ends past the data.
    """
    first = settings.first_month or found.first
    last = found.last if settings.last_month in (None, OPEN_END) else str(settings.last_month)
    if first > last:
        raise SettingsError(
            f"There is no month from {first} to {last}: correct CRM_FIRST_MONTH or CRM_LAST_MONTH, or "
            "unset them to take both from the data."
        )
    # The month after may have begun: only who exports knows whether it is complete.
    if last > shift(found.last, 1):
        raise SettingsError(
            f"CRM_LAST_MONTH {last} lies past the data, which covers {found.first} to {found.last}; unset it "
            f"to take {found.last}, or write {OPEN_END} where the data grows with the calendar."
        )
    return MonthRange(first, last)


def _at_hand(settings: Settings) -> tuple[str, str]:
    if settings.data_dir is not None:
        return "csv", "CRM_DATA_DIR is set"
    if kaggle_credentials_present():
        return "kaggle", "Kaggle credentials are there"
    return "sample", "neither CRM_DATA_DIR nor Kaggle credentials are set"
