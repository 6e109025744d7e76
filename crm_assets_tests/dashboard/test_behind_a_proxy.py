"""The dashboard behind a real proxy that logs people in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crm_assets_tests.dashboard.conftest import PASSWORD, visit
from dev.dashboard_server import dashboard_server
from dev.nginx import find_program, nginx
from dev.place import Place
from dev.screenshots import settled

HEADER, SECRET = "X-Forwarded-User", "a secret of the proxy"


def test_only_the_proxy_says_who_is_there(browser: Any, home: Place, tmp_path: Path) -> None:
    pytest.importorskip("streamlit", reason="the extra `dashboard` is not installed")
    if find_program() is None:
        pytest.skip("nginx is not installed (Debian's package nginx-light)")
    ways = {"CRM_DASHBOARD_LOGIN": "proxy", "CRM_DASHBOARD_PROXY_SECRET": SECRET}
    people = {"manager0": PASSWORD, "stranger": PASSWORD}
    forged = {HEADER: "boss", "X-Proxy-Secret": "a guess"}
    with (
        dashboard_server(home, **ways) as running,
        nginx(tmp_path / "nginx", running.address, HEADER, SECRET, people) as proxy,
    ):
        for headers in ({}, {HEADER: "boss"}, forged):
            past = visit(browser, running.address, extra_http_headers=headers)
            past.page.goto(past.address)
            past.page.get_by_text("opened through the company's proxy").wait_for()
        credentials = {"username": "manager0", "password": PASSWORD}
        own = visit(browser, proxy, http_credentials=credentials, extra_http_headers=forged)
        own.page.goto(proxy)
        settled(own.page)
        own.page.get_by_text("manager0 sees the deals of manager").wait_for()
        other = visit(browser, proxy, http_credentials=credentials | {"username": "stranger"})
        other.page.goto(proxy)
        other.page.get_by_text("nobody has said which deals you see").wait_for()
