"""A made-up company, its deals as each CRM exports them, and helpers to read them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from crm_assets.crm.schema import RAW_TABLES
from crm_assets.settings import get_settings
from crm_assets.sources.quarantine import Sifted
from crm_assets.sources.select import select_source
from crm_assets_tests.chain import opportunities
from dev.crm_exports.company import Company
from dev.crm_exports.company import company as made_company
from dev.crm_exports.crms import CRMS

Taken = dict[str, Sifted]
Take = Callable[..., Taken]


@pytest.fixture(scope="package")
def company() -> Company:
    """Return the company whose deals the files hold."""
    return made_company()


@pytest.fixture(scope="package")
def exports(tmp_path_factory: pytest.TempPathFactory, company: Company) -> dict[str, Path]:
    """Return a folder with the files of each CRM."""
    folders = {crm: tmp_path_factory.mktemp(crm) for crm in CRMS}
    for crm, write in CRMS.items():
        write(company, folders[crm])
    return folders


@pytest.fixture
def take(monkeypatch: pytest.MonkeyPatch) -> Take:
    """Return a function that reads the raw tables of a folder, chosen by settings alone."""

    def taken(folder: Path, mapping: str | Path, **settings: str) -> Taken:
        monkeypatch.setenv("CRM_DATA_DIR", str(folder))
        monkeypatch.setenv("CRM_MAPPING", str(mapping))
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        return select_source(get_settings()).take(*RAW_TABLES)

    return taken


def cleaned(taken: Taken, first_month: str) -> pa.Table:
    """Return the opportunities that come out of raw tables."""
    return opportunities({name: one.rows for name, one in taken.items()}, first_month)


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes files into a folder: texts by file name."""

    def written(**files: str) -> Path:
        folder = tmp_path / "crm"
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / f"{name}.csv").write_text(text, "utf-8")
        return folder

    return written


@pytest.fixture
def mapping(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that writes a `crm.yaml`."""

    def written(text: str) -> Path:
        path = tmp_path / "crm.yaml"
        path.write_text(text, "utf-8")
        return path

    return written
