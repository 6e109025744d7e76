"""A Kaggle data set, downloaded once and then read as a folder of CSV files."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from crm_assets.crm.months import MonthRange
from crm_assets.crm.schema import RAW_TABLES, RawTable
from crm_assets.errors import SourceUnavailableError
from crm_assets.sources.csv_folder import REQUIRED_FILES, CsvFolder
from crm_assets.sources.quarantine import Sifted

# Known without a download, so that people can look at the graph before the first run.
KNOWN_MONTHS = {"innocentmfa/crm-sales-opportunities": MonthRange("2016-10", "2017-12")}

INSTEAD = "or set CRM_DATA_DIR to a folder of the CSV files, or CRM_SOURCE=sample for synthetic data"


def kaggle_credentials_present() -> bool:
    """Return whether the environment or the user's files hold Kaggle credentials, valid or not."""
    home = Path("~").expanduser()
    config = os.environ.get("XDG_CONFIG_HOME") or home / ".config"
    folders = [Path(os.environ.get("KAGGLE_CONFIG_DIR") or home / ".kaggle"), Path(config) / "kaggle"]
    files = [folder / "kaggle.json" for folder in folders]
    files += [home / ".kaggle" / name for name in ("access_token", "access_token.txt", "credentials.json")]
    named = os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY")
    return bool(os.environ.get("KAGGLE_API_TOKEN") or named) or any(file.is_file() for file in files)


@dataclass(frozen=True)
class KaggleDataset:
    """The CSV files of a Kaggle data set.

    Attributes:
        dataset: `owner/name`.
        downloads_dir: where downloads are kept; a complete download is used again without network.
        description: one line for people.
        quarantines: whether bad rows are quarantined.
        max_bad_share: the largest share of a table's rows that quarantine takes.
    """

    dataset: str
    downloads_dir: Path
    description: str
    name: str = "kaggle"
    quarantines: bool = False
    max_bad_share: float = 1.0
    synthetic: bool = False

    @property
    def identity(self) -> str:
        """The data set's name."""
        return f"{self.name}:{self.dataset}"

    @property
    def known_months(self) -> MonthRange | None:
        """The months of the data set that the project was made for; None for others."""
        return KNOWN_MONTHS.get(self.dataset)

    @property
    def folder(self) -> Path:
        """Where this data set's files are kept."""
        return self.downloads_dir / self.dataset.replace("/", "__")

    def take(self, *tables: RawTable) -> dict[str, Sifted]:
        """Read some raw tables; download them first if no download is kept.

        Raises:
            SourceUnavailableError: Kaggle cannot be reached, refuses, or has no such data set.
            BadInputError: a file breaks a rule.
        """
        return self._files().take(*tables)

    def read(self, table: RawTable) -> pa.Table:
        """Return the rows of one raw table, as `take` gives them."""
        return self._files().read(table)

    def month_range(self) -> MonthRange:
        """Return the months of the data set; a known one needs no download."""
        return self.known_months or self._files().month_range()

    def _files(self) -> CsvFolder:
        if not self.folder.is_dir():
            self._download()
        return CsvFolder(self.folder, self.description, self.name, self.quarantines, self.max_bad_share)

    def _download(self) -> None:
        """Download to a temporary folder beside the target, and move the complete files there."""
        try:
            self.downloads_dir.mkdir(parents=True, exist_ok=True)
            temporary_folder = tempfile.TemporaryDirectory(dir=self.downloads_dir, prefix=".kaggle-")
        except OSError as error:
            raise SourceUnavailableError(
                f"Cannot keep downloads in {self.downloads_dir}: {error.strerror}; set CRM_HOME to a "
                "folder that you can write to."
            ) from error
        with temporary_folder as temporary:
            unpacked = Path(temporary) / "files"
            unpacked.mkdir()
            _download_files(self.dataset, unpacked)
            found = {path.name: path for path in sorted(unpacked.rglob("*.csv"))}
            missing = [file for file in REQUIRED_FILES if file not in found]
            if missing:
                raise SourceUnavailableError(
                    f"Kaggle's {self.dataset} has no {', '.join(missing)}; correct CRM_KAGGLE_DATASET, "
                    f"{INSTEAD}."
                )
            complete = Path(temporary) / "complete"
            complete.mkdir()
            for file in (table.file_name for table in RAW_TABLES if table.file_name in found):
                shutil.move(found[file], complete / file)
            try:
                complete.rename(self.folder)
            except OSError:
                # Another process of the same run was faster; its files are the same.
                if not self.folder.is_dir():
                    raise


def _download_files(dataset: str, folder: Path) -> None:
    import requests

    try:
        # Imported here: the import authenticates, and writes to the home folder.
        from kaggle.api.kaggle_api_extended import KaggleApi

        api = KaggleApi()
        api.authenticate()
        api.dataset_download_files(dataset, path=str(folder), quiet=True, unzip=True)
    except SystemExit:
        raise SourceUnavailableError(
            "There are no valid Kaggle credentials: create an API token in your Kaggle account's settings "
            f"and put it into KAGGLE_API_TOKEN, {INSTEAD}."
        ) from None
    except requests.HTTPError as error:
        raise SourceUnavailableError(_refusal(dataset, error)) from error
    except (requests.RequestException, OSError) as error:
        raise SourceUnavailableError(
            f"Kaggle cannot be reached to download {dataset} ({type(error).__name__}); check the network, "
            f"{INSTEAD}."
        ) from error
    except (ValueError, RuntimeError) as error:
        raise SourceUnavailableError(
            f"The files that Kaggle sent for {dataset} cannot be unpacked; try again later, {INSTEAD}."
        ) from error


def _refusal(dataset: str, error: object) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 404:
        return f"Kaggle has no data set {dataset}; correct CRM_KAGGLE_DATASET, {INSTEAD}."
    if status in (401, 403):
        return (
            f"Kaggle does not give {dataset} to your credentials ({status}): create a new API token in your "
            f"Kaggle account's settings and put it into KAGGLE_API_TOKEN, {INSTEAD}."
        )
    return f"Kaggle answered {status} when asked for {dataset}; try again later, {INSTEAD}."
