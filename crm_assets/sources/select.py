"""Which source the settings choose, and which months the graph covers."""

from __future__ import annotations

from crm_assets.crm.months import MonthRange
from crm_assets.errors import SettingsError
from crm_assets.settings import OPEN_END, Settings
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
        return CsvFolder(settings.data_dir, described, quarantines=quarantines)
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
    """The months of the graph: what the settings say, and the source's own where they do not.

    Raises:
        SettingsError: the range is empty.
    """
    first, last = settings.first_month, settings.last_month
    if first is None or last is None or last == OPEN_END:
        found = source.month_range()
        first = first or found.first
        last = found.last if last in (None, OPEN_END) else last
    if first > last:
        raise SettingsError(
            f"There is no month from {first} to {last}: correct CRM_FIRST_MONTH or CRM_LAST_MONTH, or "
            "unset them to take both from the data."
        )
    return MonthRange(first, last)


def _at_hand(settings: Settings) -> tuple[str, str]:
    if settings.data_dir is not None:
        return "csv", "CRM_DATA_DIR is set"
    if kaggle_credentials_present():
        return "kaggle", "Kaggle credentials are there"
    return "sample", "neither CRM_DATA_DIR nor Kaggle credentials are set"
