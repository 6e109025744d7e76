"""Pull the records of a CRM through its interface, with dlt, and write them as CSV files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from crm_assets.errors import SettingsError
from crm_assets.sources.pull.api import INSTALL, described, names, refusal
from crm_assets.sources.pull.landing import Landing, flat


def pull(crm: str, folder: Path, tell: Callable[[str, int], None], base_url: str | None = None) -> list[Path]:
    """Pull all records of a CRM, and write one CSV file for each kind of record.

    The files replace those of the last pull once all of them are complete.

    Args:
        crm: one of `api.CRMS`.
        folder: where the files go; it is created when needed.
        tell: is told the name of each kind of record and how many there are.
        base_url: another address of the interface.

    Returns:
        The files.

    Raises:
        SettingsError: there is no such CRM, no token, or dlt is not installed.
        SourceUnavailableError: the interface cannot be reached or refuses.
        StorageError: the files cannot be written.
    """
    config = described(crm, base_url)
    # dlt reads this when it is imported.
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    try:
        from dlt.extract.exceptions import ResourceExtractionError
        from dlt.sources.rest_api import rest_api_resources
    except ImportError:
        raise SettingsError(f"A pull needs dlt, an extra of this project: {INSTALL}.") from None
    landing = Landing(folder)
    for resource in rest_api_resources(config):
        try:
            records = pd.DataFrame([flat(one) for one in resource], dtype=object)
        except ResourceExtractionError as error:
            raise refusal(crm, error, config["client"]["base_url"]) from None
        landing.add(resource.name, records)
        tell(resource.name, len(records))
    return landing.write(names(crm))
