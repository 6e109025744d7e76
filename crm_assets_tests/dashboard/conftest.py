"""A dashboard in a process of its own, and a real browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from crm_assets.insight.people import Person, hash_password, write_person
from crm_assets.insight.scope import scope_of
from dev.dashboard_server import dashboard_server
from dev.place import Place
from dev.screenshots import browser_program, settled

PASSWORD = "correct horse battery"  # noqa: S105 - of people who are made up
MANAGERS = 2
PAGES = ("Forecast", "Deals", "What changed", "At risk", "Said and came", "Trust")


def csv(content: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(content), encoding="utf-8-sig")


@dataclass
class Visitor:
    """Somebody in front of a browser.

    Attributes:
        address: of the dashboard.
        page: the browser's page.
    """

    address: str
    page: Any
    seen: list[str] = field(default_factory=list)

    def log_in(self, name: str, password: str = PASSWORD, at: str = "") -> None:
        """Open the dashboard, or a page of it, and log in."""
        self.page.goto(f"{self.address}/{at}")
        settled(self.page)
        self.page.get_by_label("Name", exact=True).fill(name)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name="Log in").click()

    def go(self, title: str) -> str:
        """Follow a link of the navigation, and return what the page says."""
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=title).click()
        self.page.wait_for_function(
            "title => document.querySelector('h1')?.innerText.includes(title)", arg=title, timeout=120_000
        )
        settled(self.page)
        said = self.text()
        # What Streamlit shows of an error that nobody foresaw.
        assert "encountered an error" not in said, f"{title}: {said}"
        return said

    def text(self) -> str:
        return self.page.inner_text("body")

    def download(self, button: str) -> bytes:
        """Press a download button, and return the file."""
        with self.page.expect_download(timeout=120_000) as coming:
            self.page.get_by_role("button", name=button).click()
        return Path(coming.value.path()).read_bytes()


@pytest.fixture(scope="module")
def home(sample_run: tuple[Place, str], tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a copy of the sample's tables with three people, which tests of this module may break."""
    there = sample_run[0].copy(tmp_path_factory.mktemp("dashboard") / "place", CRM_DASHBOARD_LOGIN="password")
    managers = sorted(there.frame("win_predictions", "2023-12")["manager"].unique())[:MANAGERS]
    hashed = hash_password(PASSWORD)
    people = {"boss": "all", **{f"manager{n}": f"manager:{name}" for n, name in enumerate(managers)}}
    for name, scope in people.items():
        write_person(there.folder / "home" / "dashboard_users.yaml", Person(name, scope_of(scope), hashed))
    return there


@pytest.fixture(scope="module")
def dashboard(home: Place) -> Iterator[str]:
    """Yield the address of a dashboard of that home."""
    pytest.importorskip("streamlit", reason="the extra `dashboard` is not installed")
    with dashboard_server(home) as running:
        yield running.address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Yield the distribution's Chromium."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = browser_program()
    if program is None:
        pytest.skip("Chromium is not installed (Debian's package chromium)")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def boss(browser: Any, dashboard: str) -> Visitor:
    """Return somebody who is logged in and sees all deals."""
    visitor = visit(browser, dashboard)
    visitor.log_in("boss")
    visitor.page.get_by_test_id("stSidebarNav").wait_for(timeout=120_000)
    settled(visitor.page)
    return visitor


def visit(browser: Any, address: str, **more: Any) -> Visitor:
    """Open a browser window of its own, with more options of Playwright's contexts."""
    page = browser.new_context(locale="en-US", accept_downloads=True, **more).new_page()
    page.set_default_timeout(120_000)
    return Visitor(address, page)
