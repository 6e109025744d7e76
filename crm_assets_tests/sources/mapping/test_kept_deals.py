"""Which deals to leave out, and what is said of files that do not fit the mapping."""

from __future__ import annotations

import pytest

from crm_assets.errors import BadInputError, SettingsError, SourceUnavailableError
from crm_assets_tests.sources.mapping.conftest import Take
from crm_assets_tests.sources.mapping.small import HEADER, SALESFORCE, THREE, Put, Write, deals, notes


def test_deleted_deals_are_left_out_and_told(put: Put, take: Take) -> None:
    text = THREE.replace("OwnerId", "OwnerId,IsDeleted").replace("005A\n", "005A,false\n")
    taken = take(put(Opportunity=text.replace("005B\n", "005B,true\n")), "salesforce")
    assert deals(taken, "deal_stage") == ["Won", "Lost"]
    assert "Opportunity.csv: 1 deals are left out: IsDeleted is true." in notes(taken)


def test_one_kind_of_deals_can_be_kept(put: Put, take: Take, mapping: Write) -> None:
    text = (
        THREE.replace("OwnerId", "OwnerId,Type")
        .replace("005A\n", "005A,New\n")
        .replace("005B\n", "005B,Renewal\n")
    )
    folder = put(Opportunity=text)
    taken = take(folder, mapping("preset: salesforce\ndeals: {keep: {Type: new}}\n"))
    assert deals(taken, "deal_stage") == ["Won", "Lost"]
    with pytest.raises(
        BadInputError, match=r"keep: Type: no deal has Upsell\. There are 'New' \(2\), 'Renewal' \(1\)"
    ):
        take(folder, mapping("preset: salesforce\ndeals: {keep: {Type: Upsell}}\n"))
    with pytest.raises(
        BadInputError, match=r"leave_out: Typ: Opportunity\.csv has no such column\. It has Id, Stage"
    ):
        take(folder, mapping("preset: salesforce\ndeals: {leave_out: {Typ: New}}\n"))
    with pytest.raises(BadInputError, match=r"leave_out: Type: leaves out every deal that is left"):
        take(folder, mapping("preset: salesforce\ndeals: {leave_out: {Type: '*'}}\n"))


def test_a_column_that_the_user_names_must_be_there(put: Put, take: Take, mapping: Write) -> None:
    with pytest.raises(
        BadInputError,
        match=r"crm\.yaml, deals: columns: amount: ARR__c is not there\. Opportunity\.csv has Id, Stage.*"
        r"Correct the line, or write `amount: null` to go without",
    ):
        take(put(Opportunity=THREE), mapping("preset: salesforce\ndeals: {columns: {amount: ARR__c}}\n"))


def test_deals_without_ids_are_told(put: Put, take: Take) -> None:
    with pytest.raises(
        BadInputError, match=r"no column for opportunity_id\. The mapping looks for Id, Opportunity ID;"
    ):
        take(put(Opportunity=THREE.replace("Id,", "Key,", 1)), "salesforce")


def test_a_fault_names_the_crms_file_and_column(put: Put, take: Take) -> None:
    text = THREE.replace("2024-02-06", "soon")
    with pytest.raises(
        BadInputError,
        match=r"Opportunity\.csv, column CloseDate \(close_date\), row 2: 'soon' cannot be read as a date",
    ):
        take(put(Opportunity=text), "salesforce", CRM_ON_BAD_ROWS="stop")


def test_a_folder_without_deals_is_told_with_what_is_there(put: Put, take: Take) -> None:
    with pytest.raises(
        SourceUnavailableError,
        match=r"has no file of deals: the preset salesforce looks for Opportunity, .*are Account\.csv, User",
    ):
        take(put(Account="Id,Name\n1,a\n", User="Id,Name\n1,a\n"), "salesforce")


def test_two_files_that_could_be_the_deals_are_told(put: Put, take: Take) -> None:
    with pytest.raises(
        SettingsError, match=r"could be deals; put their rows into one file, or write the right one"
    ):
        take(put(deals_2023=HEADER, deals_2024=HEADER), "hubspot")


def test_a_single_file_is_the_deals_whatever_its_name(put: Put, take: Take) -> None:
    assert len(deals(take(put(whatever=THREE), "salesforce"), "deal_stage")) == 3


def test_deals_without_any_date_are_told(put: Put, take: Take) -> None:
    text = "Id,StageName,IsClosed,IsWon,Amount\n1,Closed Won,true,true,5\n"
    with pytest.raises(
        BadInputError,
        match=r"nothing says since when a deal exists\. The mapping looks for CreatedDate; the file",
    ):
        take(put(Opportunity=text), "salesforce")


def test_a_file_without_rows_is_told(put: Put, take: Take) -> None:
    with pytest.raises(
        BadInputError, match=r"Opportunity\.csv has a header but no rows; export the table again"
    ):
        take(put(Opportunity=SALESFORCE), "salesforce")


def test_empty_files_beside_the_deals_do_no_harm(put: Put, take: Take) -> None:
    folder = put(
        Opportunity=THREE, User="Id,Name\n", Account="Id,Name\n", OpportunityStage="MasterLabel,SortOrder\n"
    )
    taken = take(folder, "salesforce")
    assert deals(taken, "sales_agent", "stage_position") == [("005A", None), ("005A", None), ("005B", 2)]
    assert taken["raw_accounts"].rows.num_rows == 0


def test_the_path_of_a_single_file_will_do(put: Put, take: Take) -> None:
    path = put(whatever=THREE) / "whatever.csv"
    assert len(deals(take(path, "salesforce"), "deal_stage")) == 3
