"""Exports as people get them from the browser: reports with a footer, workbooks, archives, other headers."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from pathlib import Path

from openpyxl import Workbook

from crm_assets_tests.sources.mapping.conftest import Take
from crm_assets_tests.sources.mapping.small import THREE, Put, deals

REPORT = """"Opportunity ID","Opportunity Owner","Account Name","Stage","Amount","Probability (%)",\
"Close Date","Created Date","Closed","Won"
"0065g00000AbCdE","Ann Lee","Acme","Signed","1,200.00","100","2/28/2024","1/28/2024","1","1"
"0065g00000AbCdF","Bob Ray","Beta","Gone","900.00","0","3/14/2024","1/30/2024","1","0"
"0065g00000AbCdG","Bob Ray","","Negotiation/Review","","90","6/14/2024","1/31/2024","0","0"


"Confidential Information - Do Not Distribute"
"Copyright (c) 2000-2024 salesforce.com, inc. All rights reserved."
"""


def test_a_report_of_salesforce_with_its_footer(put: Put, take: Take) -> None:
    taken = take(put(report1=REPORT), "salesforce", CRM_MAX_BAD_SHARE="0.5")
    assert deals(
        taken, "sales_agent", "account", "deal_stage", "close_date", "amount", "crm_probability"
    ) == [
        ("Ann Lee", "Acme", "Won", date(2024, 2, 28), 1200.0, 1.0),
        ("Bob Ray", "Beta", "Lost", date(2024, 3, 14), 900.0, 0.0),
        ("Bob Ray", None, "Engaging", None, None, 0.9),
    ]
    aside = taken["raw_sales_pipeline"].quarantined
    assert aside["source_row"].to_pylist() == [7, 8]
    assert set(aside["what"].to_pylist()) == {"is a row of 1 fields, but the header has 10"}


def test_a_workbook_of_dynamics_with_real_dates(tmp_path: Path, take: Take) -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "All Opportunities"
    sheet.append(
        ["(Do Not Modify) Opportunity", "Topic", "Status", "Created On", "Actual Close Date", "Est. Revenue"]
    )
    sheet.append(["a", "One", "Won", datetime(2024, 1, 5, 10, 30), datetime(2024, 2, 6), 1200.5])
    sheet.append(["b", "Two", "Open", datetime(2024, 1, 6, 10, 30), None, 80])
    book.create_sheet("hiddenSheet").append(["x"])
    book.save(tmp_path / "All Opportunities 1-2-2024.xlsx")
    taken = take(tmp_path, "dynamics")
    assert deals(taken, "deal_stage", "created_date", "close_date", "close_value") == [
        ("Won", date(2024, 1, 5), date(2024, 2, 6), 1200.5),
        ("Engaging", date(2024, 1, 6), None, None),
    ]


def test_an_archive_of_csv_files(tmp_path: Path, take: Take) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("export/Opportunity.csv", THREE)
        packed.writestr("export/User.csv", "Id,Name\n005A,Ann\n005B,Bob\n")
    path = tmp_path / "export.zip"
    path.write_bytes(archive.getvalue())
    assert deals(take(path, "salesforce"), "sales_agent") == ["Ann", "Ann", "Bob"]


def test_the_headers_of_pipedrives_browser_export(put: Put, take: Take) -> None:
    text = (
        "Deal - ID,Deal - Title,Deal - Owner,Deal - Organization,Deal - Value,Deal - Currency,Deal - Stage,"
    )
    text += "Deal - Status,Deal - Deal created,Deal - Won time,Deal - Lost time,Deal - Expected close date\n"
    text += '1,A,Ann,Acme,"1,200.50",EUR,Proposal Made,Won,2024-01-05 10:00:00,2024-02-06 11:00:00,,\n'
    text += "2,B,Bob,Beta,80,EUR,Contact Made,Lost,2024-01-06 10:00:00,,2024-02-07 11:00:00,\n"
    text += "3,C,Bob,Beta,90,EUR,Contact Made,Open,2024-01-07 10:00:00,,,2024-09-01\n"
    taken = take(put(**{"deals-123-45": text}), "pipedrive")
    assert deals(
        taken, "sales_agent", "deal_stage", "close_date", "expected_close_date", "stage_position"
    ) == [
        ("Ann", "Won", date(2024, 2, 6), None, None),
        ("Bob", "Lost", date(2024, 2, 7), None, None),
        ("Bob", "Engaging", None, date(2024, 9, 1), 2),
    ]
    assert deals(taken, "amount", "close_value", "currency")[0] == (1200.5, 1200.5, "EUR")


def test_the_labels_of_an_odoo_export(put: Put, take: Take) -> None:
    text = (
        "External ID,Opportunity,Salesperson,Customer,Stage,Expected Revenue,Probability,Active,Created on,"
    )
    text += "Closed Date,Expected Closing\n"
    text += "a,One,Ann,Acme,Won,10.0,100.0,True,2024-01-05 10:00:00,2024-02-06 10:00:00,2024-02-01\n"
    text += "b,Two,Bob,Beta,Qualified,20.0,0.0,False,2024-01-06 10:00:00,2024-02-07 10:00:00,2024-02-01\n"
    text += "c,Six,Bob,Beta,Proposition,30.0,65.0,True,2024-01-07 10:00:00,,2024-09-01\n"
    taken = take(put(**{"Lead_Opportunity (crm.lead)": text}), "odoo")
    assert deals(taken, "deal_stage", "close_date", "expected_close_date", "stage_position") == [
        ("Won", date(2024, 2, 6), None, None),
        ("Lost", date(2024, 2, 7), None, None),
        ("Engaging", None, date(2024, 9, 1), 3),
    ]


def test_the_columns_of_a_warehouse_connector(put: Put, take: Take) -> None:
    text = "id,properties_dealname,properties_dealstage,properties_hs_is_closed,properties_hs_is_closed_won,"
    text += "properties_createdate,properties_closedate,properties_amount,archived\n"
    text += "1,A,77,true,true,2024-01-05T10:00:00Z,2024-02-06T10:00:00Z,10.5,false\n"
    text += "2,B,78,true,false,2024-01-05T10:00:00Z,2024-02-07T10:00:00Z,11,false\n"
    text += "3,C,79,false,false,2024-01-05T10:00:00Z,2024-09-07T10:00:00Z,12,true\n"
    taken = take(put(deals=text), "hubspot")
    assert deals(taken, "deal_stage", "stage_name", "close_value") == [
        ("Won", "77", 10.5),
        ("Lost", "78", None),
    ]
