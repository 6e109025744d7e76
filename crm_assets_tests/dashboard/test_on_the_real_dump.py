"""The dashboard on the real dump: every page opens, and a download equals the table."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import pytest

from crm_assets_tests.dashboard.conftest import PAGES, csv, visit
from dev.dashboard_server import dashboard_server
from dev.place import Place
from dev.screenshots import settled

LAST = "2017-12"


def test_every_page_opens_and_a_download_equals_the_table(browser: Any, real_run: tuple[Place, str]) -> None:
    pytest.importorskip("streamlit", reason="the extra `dashboard` is not installed")
    there, _ = real_run
    with dashboard_server(there) as running:
        visitor = visit(browser, running.address)
        visitor.page.goto(running.address)
        settled(visitor.page)
        for title in PAGES:
            said = visitor.go(title)
            assert "Traceback" not in said
            assert "damaged" not in said
        visitor.go("Deals")
        predicted = there.frame("win_predictions", LAST).set_index("opportunity_id")
        deals = csv(visitor.download("This table as CSV")).set_index("opportunity_id")
        assert sorted(deals.index) == sorted(predicted.index)
        pd.testing.assert_series_equal(deals["probability"], predicted["probability"].reindex(deals.index))
        book = pd.read_excel(io.BytesIO(visitor.download("The month as Excel workbook")), "Deals")
        assert book["worth"].sum() == pytest.approx(deals["worth"].sum())
