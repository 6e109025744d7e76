"""What a mapping says of deals: outcomes, stages, lookups, ids, formats, currencies, and what to leave out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from crm_assets.errors import BadInputError, SettingsError, SourceUnavailableError
from crm_assets_tests.sources.mapping.conftest import Take, Taken

Put = Callable[..., Path]
Write = Callable[[str], Path]

SALESFORCE = "Id,StageName,IsClosed,IsWon,CreatedDate,CloseDate,Amount,OwnerId\n"
WON = "006A00000000001,Closed Won,true,true,2024-01-05,2024-02-06,100,005A\n"
LOST = "006A00000000002,Closed Lost,true,false,2024-01-06,2024-02-07,90,005A\n"
OPEN = "006A00000000003,Qualification,false,false,2024-01-07,2024-05-08,80,005B\n"
THREE = SALESFORCE + WON + LOST + OPEN

GENERIC = "preset: none\nfiles: {deals: deals}\nstages: {open: [Demo, Offer], won: Won, lost: Lost}\n"
COLUMNS = "opportunity_id: id, created_date: made, close_date: {column: ended, when: closed}, amount: worth"
PLAIN = (
    f"{GENERIC}deals:\n  stage: stage\n  columns: {{{COLUMNS}, close_value: {{column: worth, when: won}}}}\n"
)
HEADER = "id,stage,made,ended,worth\n"


def deals(taken: Taken, *columns: str) -> list[Any]:
    rows = taken["raw_sales_pipeline"].rows.select(list(columns)).to_pylist()
    return [row[columns[0]] if len(columns) == 1 else tuple(row.values()) for row in rows]


def notes(taken: Taken) -> str:
    return " ".join(note for sifted in taken.values() for note in sifted.notes)


def test_two_booleans_tell_won_and_lost_whatever_the_stages_are_called(put: Put, take: Take) -> None:
    text = THREE.replace("Closed Won", "Signed").replace("Closed Lost", "Gone")
    assert deals(take(put(Opportunity=text), "salesforce"), "deal_stage") == ["Won", "Lost", "Engaging"]


def test_stages_tell_won_and_lost_where_the_booleans_are_missing(put: Put, take: Take) -> None:
    text = "Id,StageName,CreatedDate,CloseDate,Amount\n1,closed won,2024-01-05,2024-02-06,1\n"
    text += "2,Closed  Lost,2024-01-06,2024-02-07,2\n3,Needs Analysis,2024-01-06,2024-05-07,2\n"
    taken = take(put(Opportunity=text), "salesforce")
    assert deals(taken, "deal_stage", "stage_position") == [("Won", None), ("Lost", None), ("Engaging", 3)]


def test_a_status_code_tells_won_and_lost(put: Put, take: Take) -> None:
    text = "opportunityid,statecode,stepname,createdon,actualclosedate,estimatedclosedate,estimatedvalue\n"
    text += "a,1,3-Propose,2024-01-05,2024-02-06,2024-02-01,5\nb,2,,2024-01-05,2024-02-07,,5\n"
    text += "c,0,2-Develop,2024-01-05,,2024-06-01,5\n"
    taken = take(put(opportunities=text), "dynamics")
    assert deals(taken, "deal_stage", "close_date", "expected_close_date") == [
        ("Won", date(2024, 2, 6), None),
        ("Lost", date(2024, 2, 7), None),
        ("Engaging", None, date(2024, 6, 1)),
    ]


def test_archived_at_zero_percent_is_lost_in_odoo(put: Put, take: Take) -> None:
    text = "id,stage_id,active,probability,create_date,date_closed,expected_revenue,type\n"
    text += "1,Won,True,100.0,2024-01-05 08:00:00,2024-02-06 08:00:00,5,opportunity\n"
    text += "2,New,False,0,2024-01-05 08:00:00,2024-02-07 08:00:00,6,opportunity\n"
    text += "3,Proposition,True,0,2024-01-05 08:00:00,,7,opportunity\n"
    text += "4,New,True,10,2024-01-05 08:00:00,,7,lead\n"
    taken = take(put(**{"crm.lead": text}), "odoo")
    assert deals(taken, "deal_stage", "close_value") == [("Won", 5.0), ("Lost", None), ("Engaging", None)]
    assert "1 deals are left out: type is lead" in notes(taken)


def test_the_close_date_of_an_open_deal_is_the_expected_one(put: Put, take: Take) -> None:
    taken = take(put(Opportunity=THREE), "salesforce")
    assert deals(taken, "close_date", "expected_close_date", "amount", "close_value") == [
        (date(2024, 2, 6), None, 100.0, 100.0),
        (date(2024, 2, 7), None, 90.0, None),
        (None, date(2024, 5, 8), 80.0, None),
    ]


def test_a_stage_without_a_meaning_is_told_with_its_deals_and_what_is_known(
    put: Put, take: Take, mapping: Write
) -> None:
    text = HEADER + "1,Won,2024-01-05,2024-02-06,5\n2,Trial,2024-01-05,,5\n3,Trial,2024-01-05,,5\n"
    with pytest.raises(
        BadInputError,
        match=r"deals\.csv: stages without a meaning in crm\.yaml: 'Trial' \(2\)\. It knows Demo, Offer, Won, Lost",
    ):
        take(put(deals=text), mapping(PLAIN))


def test_a_deal_without_a_stage_is_a_fault_or_open_as_the_mapping_says(
    put: Put, take: Take, mapping: Write
) -> None:
    folder = put(deals=HEADER + "1,,2024-01-05,,5\n2,Won,2024-01-05,2024-02-06,5\n")
    with pytest.raises(BadInputError, match=r"empty \(1\).*`stages: \{empty: open\}` counts deals without"):
        take(folder, mapping(PLAIN))
    taken = take(folder, mapping(PLAIN.replace("lost: Lost}", "lost: Lost, empty: open}")))
    assert deals(taken, "deal_stage") == ["Engaging", "Won"]


def test_files_that_say_nothing_of_outcomes_are_told(put: Put, take: Take) -> None:
    with pytest.raises(
        BadInputError, match=r"nothing says which deals are won or lost\. The mapping looks for"
    ):
        take(put(Opportunity="Id,CreatedDate\n1,2024-01-05\n"), "salesforce")


def test_open_stages_have_the_places_of_the_crms_own_list(put: Put, take: Take) -> None:
    stages = (
        "MasterLabel,SortOrder,IsClosed,IsWon\nLater,7,false,false\nFirst,2,false,false\nDone,9,true,true\n"
    )
    text = SALESFORCE + WON.replace("Closed Won", "Done") + OPEN.replace("Qualification", "Later")
    taken = take(put(Opportunity=text, OpportunityStage=stages), "salesforce")
    assert deals(taken, "stage_name", "stage_position") == [("Done", None), ("Later", 2)]


def test_each_pipeline_counts_its_own_stages(put: Put, take: Take) -> None:
    stages = "stage_id,label,display_order,pipeline_id,is_closed,closed_won\na,Call,1,p,false,false\n"
    stages += "b,Meet,2,p,false,false\nc,Renew,5,q,false,false\nw,Yes,9,q,true,true\n"
    text = "hs_object_id,dealstage,createdate,closedate,amount\n"
    text += "1,b,2024-01-05,,1\n2,c,2024-01-05,,1\n3,w,2024-01-05,2024-02-05,1\n"
    taken = take(put(deals=text, deal_pipeline_stages=stages), "hubspot")
    assert deals(taken, "deal_stage", "stage_name", "stage_position") == [
        ("Engaging", "Meet", 2),
        ("Engaging", "Renew", 1),
        ("Won", "Yes", None),
    ]


def test_owners_are_looked_up_by_ids_of_15_or_18_characters(put: Put, take: Take) -> None:
    users = "Id,Name,ManagerId\n0055g00000AbCdEAAV,Ann,0055g00000AbCdF\n0055g00000AbCdFAAV,Bob,\n"
    text = THREE.replace("005A", "0055g00000AbCdE").replace("005B", "0055g00000AbCdFAAV")
    taken = take(put(Opportunity=text, User=users), "salesforce")
    assert deals(taken, "sales_agent") == ["Ann", "Ann", "Bob"]
    assert taken["raw_sales_teams"].rows["manager"].to_pylist() == ["Bob", None]


def test_ids_that_differ_in_case_only_are_different_people(put: Put, take: Take) -> None:
    users = "Id,Name\n0055g00000AbCdE,Ann\n0055g00000AbCde,Bob\n"
    text = THREE.replace("005A", "0055g00000AbCdE").replace("005B", "0055g00000AbCde")
    assert deals(take(put(Opportunity=text, User=users), "salesforce"), "sales_agent") == [
        "Ann",
        "Ann",
        "Bob",
    ]


def test_people_who_share_a_name_are_told_apart_by_their_ids(put: Put, take: Take) -> None:
    taken = take(put(Opportunity=THREE, User="Id,Name\n005A,Jo Li\n005B,JO LI\n"), "salesforce")
    assert deals(taken, "sales_agent") == ["Jo Li (005A)", "Jo Li (005A)", "JO LI (005B)"]
    assert taken["raw_sales_teams"].rows["sales_agent"].to_pylist() == ["Jo Li (005A)", "JO LI (005B)"]


def test_an_id_that_its_file_does_not_list_stands_for_itself(put: Put, take: Take) -> None:
    taken = take(put(Opportunity=THREE, User="Id,Name\n005A,Ann\n"), "salesforce")
    assert deals(taken, "sales_agent") == ["Ann", "Ann", "005B"]


def test_the_largest_of_several_products_counts(put: Put, take: Take) -> None:
    items = "OpportunityId,Product2Id,TotalPrice\n006A00000000001,p1,10\n006A00000000001,p2,90.5\n"
    products = "Id,Name\np1,Small\np2,Large\n"
    taken = take(put(Opportunity=THREE, OpportunityLineItem=items, Product2=products), "salesforce")
    assert deals(taken, "product") == ["Large", "no product", "no product"]


def test_numbers_with_decimals_and_guids_in_braces_are_the_same_ids(put: Put, take: Take) -> None:
    text = "id,status,stage_id,add_time,won_time,value,org_id\n1,won,4,2024-01-05,2024-02-06,5,17.0\n"
    taken = take(put(deals=text, organizations="id,name\n17,Acme\n"), "pipedrive")
    assert deals(taken, "account") == ["Acme"]
    guid = "6FA459EA-EE8A-3CA4-894E-DB77E160355E"
    text = f"opportunityid,statecode,createdon,actualclosedate,parentaccountid\na,1,2024-01-05,2024-02-06,{guid}\n"
    taken = take(put(opportunities=text, accounts=f"accountid,name\n{{{guid.lower()}}},Acme\n"), "dynamics")
    assert deals(taken, "account") == ["Acme"]


def test_a_crm_without_products_or_people_has_none(put: Put, take: Take, mapping: Write) -> None:
    taken = take(put(deals=HEADER + "1,Won,2024-01-05,2024-02-06,5\n"), mapping(PLAIN))
    assert {"product", "sales_agent", "account"}.isdisjoint(taken["raw_sales_pipeline"].rows.column_names)
    assert taken["raw_products"].rows.num_rows == 0


@pytest.mark.parametrize(
    ("dates", "made", "day"),
    [
        ("", "2024-03-01T23:30:00.000Z", date(2024, 3, 1)),
        ("", "05.03.2024 10:00", date(2024, 3, 5)),
        ("D/M/YYYY", "05/03/2024", date(2024, 3, 5)),
        ("M/D/YYYY", "05/03/2024", date(2024, 5, 3)),
        ("D/M/YYYY", "2024-03-05", date(2024, 3, 5)),
    ],
)
def test_dates_are_read_as_the_mapping_or_the_column_says(
    put: Put, take: Take, mapping: Write, dates: str, made: str, day: date
) -> None:
    text = PLAIN + (f"formats: {{dates: {dates}}}\n" if dates else "")
    taken = take(put(deals=HEADER + f"1,Demo,{made},,5\n"), mapping(text))
    assert deals(taken, "created_date") == [day]


@pytest.mark.parametrize(
    ("made", "formats", "day"),
    [
        ("2024-03-01T23:30:00Z", "time_zone: Europe/Berlin", date(2024, 3, 2)),
        ("2024-03-01 23:30:00", "time_zone: Europe/Berlin", date(2024, 3, 1)),
        ("2024-03-01 23:30:00", "time_zone: Europe/Berlin, stamps_without_zone: UTC", date(2024, 3, 2)),
        ("2024-03-01", "time_zone: Europe/Berlin, stamps_without_zone: UTC", date(2024, 3, 1)),
    ],
)
def test_a_time_stamp_belongs_to_the_day_of_the_company(
    put: Put, take: Take, mapping: Write, made: str, formats: str, day: date
) -> None:
    taken = take(put(deals=HEADER + f"1,Demo,{made},,5\n"), mapping(f"{PLAIN}formats: {{{formats}}}\n"))
    assert deals(taken, "created_date") == [day]


def test_dates_that_two_forms_fit_are_refused_with_the_crms_own_column(
    put: Put, take: Take, mapping: Write
) -> None:
    with pytest.raises(
        BadInputError, match=r"column made \(created_date\): reads as M/D/YYYY and as D/M/YYYY"
    ):
        take(put(deals=HEADER + "1,Demo,05/03/2024,,5\n"), mapping(PLAIN))


def test_a_number_is_read_as_the_mapping_says_where_its_column_does_not(
    put: Put, take: Take, mapping: Write
) -> None:
    folder = put(deals=HEADER + "1,Won,2024-01-05,2024-02-06,1.200\n")
    taken = take(folder, mapping(PLAIN + "formats: {numbers: '1.234,5'}\n"))
    assert deals(taken, "amount") == [1200.0]
    taken = take(folder, mapping(PLAIN + "formats: {numbers: '1,234.5'}\n"))
    assert deals(taken, "amount") == [1.2]


def test_what_stands_for_empty_is_empty(put: Put, take: Take, mapping: Write) -> None:
    text = PLAIN + "formats: {empty: [tbd, '?']}\n"
    taken = take(put(deals=HEADER + "1,Demo,2024-01-05,tbd,?\n"), mapping(text))
    assert deals(taken, "close_date", "amount") == [(None, None)]


MONEY = PLAIN.replace("close_value:", "currency: money, close_value:")
TWO = "id,stage,made,ended,worth,money\n1,Won,2024-01-05,2024-02-06,10,EUR\n2,Demo,2024-01-05,,10,usd\n"


def test_amounts_in_two_currencies_need_a_rate(put: Put, take: Take, mapping: Write) -> None:
    folder = put(deals=TWO)
    with pytest.raises(
        BadInputError, match=r"several currencies: 'EUR' \(1\), 'USD' \(1\)\. Say which one to count in"
    ):
        take(folder, mapping(MONEY))
    with pytest.raises(
        BadInputError, match=r"crm\.yaml has no rate for EUR\. .*`money: \{rates: \{EUR: 1\.1\}\}`"
    ):
        take(folder, mapping(MONEY + "money: {currency: USD}\n"))
    taken = take(folder, mapping(MONEY + "money: {currency: USD, rates: {EUR: 1.5}}\n"))
    assert deals(taken, "amount", "close_value", "currency") == [(15.0, 15.0, "USD"), (10.0, None, "USD")]


def test_amounts_that_the_crm_has_converted_need_no_rate(put: Put, take: Take) -> None:
    text = "hs_object_id,dealstage,createdate,closedate,amount,amount_in_home_currency,deal_currency_code\n"
    text += "1,closedwon,2024-01-05,2024-02-06,10,11,EUR\n2,contractsent,2024-01-05,2024-09-01,20,20,USD\n"
    taken = take(put(deals=text), "hubspot")
    assert deals(taken, "amount", "close_value") == [(11.0, 11.0), (20.0, None)]


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
        match=r"crm\.yaml, deals: columns: amount: ARR__c is not there\. Opportunity\.csv has Id, StageName, .*"
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
        match=r"has no file of deals: the preset salesforce looks for Opportunity, .*there are Account\.csv, User\.csv",
    ):
        take(put(Account="Id,Name\n1,a\n", User="Id,Name\n1,a\n"), "salesforce")


def test_two_files_that_could_be_the_deals_are_told(put: Put, take: Take) -> None:
    with pytest.raises(
        SettingsError, match=r"could be deals; write the right one into crm\.yaml, for example"
    ):
        take(put(deals_2023=HEADER, deals_2024=HEADER), "hubspot")


def test_a_single_file_is_the_deals_whatever_its_name(put: Put, take: Take) -> None:
    assert len(deals(take(put(whatever=THREE), "salesforce"), "deal_stage")) == 3
