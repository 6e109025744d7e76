"""Exports as other people write them: each is read right, or told right with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm_assets.errors import CrmAssetsError
from crm_assets.settings import get_settings
from crm_assets.sources.readiness import readiness
from crm_assets.sources.select import month_range, select_source
from crm_assets_tests.sources.mapping.conftest import Take
from crm_assets_tests.sources.mapping.small import Write, deals, notes
from crm_assets_tests.sources.mapping.strange_exports import READ, SF, SF_OPEN, SF_WON, TOLD, Case


def place_of(case: Case, folder: Path) -> Path:
    folder.mkdir()
    if not isinstance(case.files, dict):
        return case.files(folder)
    for name, text in case.files.items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def chosen(case: Case, mapping: Write) -> str:
    return str(mapping(case.mapping)) if "\n" in case.mapping else case.mapping


@pytest.mark.parametrize("name", READ)
def test_an_export_is_read_right(name: str, tmp_path: Path, take: Take, mapping: Write) -> None:
    case = READ[name]
    taken = take(place_of(case, tmp_path / "crm"), chosen(case, mapping))
    assert deals(taken, *case.columns) == case.rows
    told = " ".join(one.sentence for sifted in taken.values() for one in sifted.told)
    assert case.says in f"{notes(taken)} {told}"


@pytest.mark.parametrize("name", TOLD)
def test_what_cannot_be_read_is_told_with_what_to_do(
    name: str, tmp_path: Path, take: Take, mapping: Write
) -> None:
    case = TOLD[name]
    with pytest.raises(CrmAssetsError) as caught:
        take(place_of(case, tmp_path / "crm"), chosen(case, mapping))
    assert case.says in str(caught.value)
    assert str(caught.value).endswith((".", "`."))


def test_deals_that_cover_no_whole_month_are_told(tmp_path: Path, take: Take) -> None:
    taken = take(place_of(Case({"Opportunity.csv": SF + SF_OPEN}), tmp_path / "crm"), "salesforce")
    with pytest.raises(CrmAssetsError, match=r"The deals begin in 2024-01 and end before that month is over"):
        month_range(get_settings(), select_source(get_settings()), taken["raw_sales_pipeline"].rows)


def test_deals_that_were_entered_after_they_closed_are_told(tmp_path: Path, take: Take) -> None:
    late = SF_WON.replace("2024-01-05", "2024-03-05")
    rows = SF + late + SF_OPEN.replace("2024-01-07", "2023-11-07")
    taken = take(place_of(Case({"Opportunity.csv": rows}), tmp_path / "crm"), "salesforce")
    months = month_range(get_settings(), select_source(get_settings()), taken["raw_sales_pipeline"].rows)
    found = readiness(taken, months, get_settings())
    assert "Opportunity.csv: 1 of 1 closed deals were created after they had closed." in " ".join(found.notes)
    assert found.file == "Opportunity.csv"


def test_there_are_forty_kinds_of_strange_exports() -> None:
    assert len({*READ, *TOLD}) >= 40
