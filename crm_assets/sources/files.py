"""The tables of a place: a folder, a zip archive or a workbook, with CSV files and sheets in it."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from crm_assets.errors import BadInputError, SourceUnavailableError
from crm_assets.sources import workbook
from crm_assets.sources.csv_text import read_csv
from crm_assets.sources.text_table import TextTable, Wanted

TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".txt")
PACKED, ARCHIVE = ".gz", ".zip"


@dataclass(frozen=True)
class File:
    """One table of a place.

    Attributes:
        name: the file's name; for a sheet of a workbook, `deals.xlsx, sheet Deals`.
        stem: the file's name without its endings, or the sheet's name: what the table is called.
        content: reads the bytes of the file.
        sheet: the sheet, if the file is a workbook.
    """

    name: str
    stem: str
    content: Callable[[], bytes] = field(repr=False)
    sheet: str | None = None

    def read(self, columns: Wanted = None) -> TextTable:
        """Read the table as text.

        Args:
            columns: the wanted columns; those that the file lacks are ignored.

        Raises:
            SourceUnavailableError: the file cannot be opened.
            BadInputError: the file is no readable table.
        """
        if self.sheet is not None:
            return workbook.read_sheet(self.name, self.content(), self.sheet, columns)
        return read_csv(self.name, self.content(), columns)


def read_table(path: Path, columns: Wanted = None) -> TextTable:
    """Read one CSV file, or the first sheet of a workbook, as text.

    Raises:
        SourceUnavailableError: the file cannot be opened.
        BadInputError: the file is no readable table.
    """
    return _tables(path.name, lambda: _bytes(path))[0].read(columns)


def files(place: Path) -> list[File]:
    """List the tables of a folder, a zip archive, a workbook or a single CSV file, sorted by name.

    Other files and hidden files are ignored. A folder that holds nothing but one archive or one folder with
    tables stands for it.

    Raises:
        SourceUnavailableError: the place does not exist or cannot be opened.
        BadInputError: the archive or a workbook is damaged.
    """
    try:
        if place.is_dir():
            return _of_folder(place)
        if not place.is_file():
            raise SourceUnavailableError(
                f"The folder {place} does not exist; set CRM_DATA_DIR to the folder of the CSV files, "
                "or CRM_SOURCE=sample for synthetic data."
            )
        if place.suffix.lower() == ARCHIVE:
            return _of_archive(place)
    except OSError as error:
        raise SourceUnavailableError(
            f"The folder {place} cannot be opened: {error.strerror}; check CRM_DATA_DIR and the "
            "folder's permissions."
        ) from error
    return _tables(place.name, _reads(place))


def _of_folder(place: Path) -> list[File]:
    inside = sorted(path for path in place.iterdir() if not path.name.startswith("."))
    found = [path for path in inside if path.is_file() and _is_table(path.name)]
    if found:
        return [one for path in found for one in _tables(path.name, _reads(path))]
    deeper = [path for path in inside if path.is_dir() or path.suffix.lower() == ARCHIVE]
    if len(deeper) > 1:
        raise SourceUnavailableError(
            f"{place} has no CSV file and no workbook, but {', '.join(path.name for path in deeper)}; set "
            "CRM_DATA_DIR to the right one of them."
        )
    return files(deeper[0]) if deeper else []


def find(tables: Sequence[File], name: str) -> File | None:
    """Return the table with a name: the file itself, else the one called so whatever its ending and case.

    Args:
        tables: the tables of a place.
        name: for example `accounts.csv`.

    Raises:
        BadInputError: several files could be meant.
    """
    exact = [one for one in tables if one.name == name]
    stem = _stem(name)
    alike = exact or [one for one in tables if _plain(one.stem) == _plain(stem)]
    if len(alike) > 1:
        raise BadInputError(
            f"{', '.join(one.name for one in alike)}: each of them could be {stem}; keep one of them."
        )
    return alike[0] if alike else None


def _plain(stem: str) -> str:
    return stem.lower().replace(" ", "_").replace("-", "_")


def _reads(path: Path) -> Callable[[], bytes]:
    return lambda: _bytes(path)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceUnavailableError(
            f"{path.name} cannot be opened: {error.strerror}; check CRM_DATA_DIR and the file's permissions."
        ) from error


def _is_table(name: str) -> bool:
    # Programs of macOS and Excel leave hidden copies and locks beside the files.
    if name.startswith((".", "~$")):
        return False
    return name.lower().removesuffix(PACKED).endswith((*TEXT_SUFFIXES, *workbook.SUFFIXES))


def _stem(name: str) -> str:
    path = PurePosixPath(name)
    while path.suffix.lower() in (PACKED, *TEXT_SUFFIXES, *workbook.SUFFIXES):
        path = path.with_suffix("")
    return path.name


def _tables(name: str, content: Callable[[], bytes]) -> list[File]:
    """Return the tables of one file: one of a CSV file, one per sheet of a workbook."""
    if name.lower().endswith(PACKED):
        return _tables(name[: -len(PACKED)], lambda: _unpacked(name, content()))
    if not name.lower().endswith(workbook.SUFFIXES):
        return [File(name, _stem(name), content)]
    data = content()
    if name.lower().endswith(".xls") and workbook.is_text(data):
        # Several programs call a table of text so, since Excel opens it.
        return [File(name, _stem(name), content)]
    found = workbook.sheets(name, data)
    if len(found) == 1:
        # A sheet of its own file is called after the file: Excel's default name says nothing.
        return [File(name, _stem(name), content, found[0])]
    return [File(f"{name}, sheet {sheet}", sheet, content, sheet) for sheet in found]


def _unpacked(name: str, data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInputError(f"{name} is damaged and cannot be unpacked; export it again.") from error


def _of_archive(place: Path) -> list[File]:
    paths = [
        path
        for member in sorted(_members(place), key=lambda member: member.filename)
        if not member.is_dir() and _is_table((path := PurePosixPath(member.filename)).name)
        if "__MACOSX" not in path.parts
    ]
    names = Counter(path.name for path in paths)
    # Messages name the folder only of files that share a name.
    return [
        one
        for path in paths
        for one in _tables(path.name if names[path.name] == 1 else str(path), _reads_member(place, str(path)))
    ]


def _members(place: Path) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(place) as archive:
            return archive.infolist()
    except zipfile.BadZipFile as error:
        raise BadInputError(f"{place.name} is not a zip archive, or it is damaged; pack it again.") from error


def _reads_member(place: Path, member: str) -> Callable[[], bytes]:
    def content() -> bytes:
        try:
            with zipfile.ZipFile(place) as archive:
                return archive.read(member)
        except RuntimeError as error:
            raise BadInputError(f"{place.name} needs a password; pack it without one.") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise BadInputError(
                f"{member} in {place.name} is damaged and cannot be unpacked; pack it again."
            ) from error
        except OSError as error:
            raise SourceUnavailableError(
                f"{place.name} cannot be opened: {error.strerror}; check CRM_DATA_DIR and its permissions."
            ) from error

    return content
