"""Which deals are open, won and lost, and in which stage."""

from __future__ import annotations

from datetime import date

import pytest

from crm_assets.errors import BadInputError
from crm_assets_tests.sources.mapping.conftest import Take
from crm_assets_tests.sources.mapping.small import (
    HEADER,
    OPEN,
    PLAIN,
    SALESFORCE,
    THREE,
    WON,
    Put,
    Write,
    deals,
    notes,
)


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
        match=r"deals\.csv: stages without a meaning in crm\.yaml: 'Trial' \(2\)\. It knows Demo, ",
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


def test_a_stage_may_stand_with_its_pipeline(put: Put, take: Take) -> None:
    text = (
        "Record ID,Deal Stage,Create Date,Close Date,Amount\n1,Closed Won (Sales),2024-01-05,2024-02-05,1\n"
    )
    text += "2,Contract Sent (Sales),2024-01-05,2024-08-05,1\n3,Closed Lost (Sales),2024-01-05,2024-02-05,1\n"
    taken = take(put(deals=text), "hubspot")
    assert deals(taken, "deal_stage", "stage_position") == [("Won", None), ("Engaging", 5), ("Lost", None)]
