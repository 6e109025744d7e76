"""Names, people and products that stand in other files."""

from __future__ import annotations

from crm_assets_tests.sources.mapping.conftest import Take
from crm_assets_tests.sources.mapping.small import HEADER, PLAIN, THREE, Put, Write, deals


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
    text = "opportunityid,statecode,createdon,actualclosedate,parentaccountid\n"
    text += f"a,1,2024-01-05,2024-02-06,{guid}\n"
    taken = take(put(opportunities=text, accounts=f"accountid,name\n{{{guid.lower()}}},Acme\n"), "dynamics")
    assert deals(taken, "account") == ["Acme"]


def test_a_crm_without_products_or_people_has_none(put: Put, take: Take, mapping: Write) -> None:
    taken = take(put(deals=HEADER + "1,Won,2024-01-05,2024-02-06,5\n"), mapping(PLAIN))
    assert {"product", "sales_agent", "account"}.isdisjoint(taken["raw_sales_pipeline"].rows.column_names)
    assert taken["raw_products"].rows.num_rows == 0
