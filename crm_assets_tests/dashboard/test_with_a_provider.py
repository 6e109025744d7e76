"""Logging in at a real OpenID provider, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crm_assets.errors import SettingsError
from crm_assets.insight.people import Person, write_person
from crm_assets.insight.scope import scope_of
from crm_assets_tests.dashboard.conftest import Visitor, csv, visit
from dev.dashboard_server import dashboard_server
from dev.place import Place
from dev.screenshots import settled

# The example of docs/guides/dashboard.md.
SECRETS = """[auth]
redirect_uri = "http://127.0.0.1:{{port}}/oauth2callback"
cookie_secret = "a long random text of a test"
client_id = "dashboard"
client_secret = "of the client"
server_metadata_url = "{provider}/.well-known/openid-configuration"
client_kwargs = {{ scope = "openid profile email", prompt = "login" }}
"""
ANNA, BOSS = "Anna@example.com", "boss@example.com"
# What the provider says of who logs in.
CLAIMS: dict[str, dict[str, object]] = {
    "anna": {"email": ANNA, "email_verified": True},
    "says nothing": {"email": BOSS},
    "stranger": {"email": "stranger@example.com", "email_verified": True},
    "unverified": {"email": BOSS, "email_verified": "false"},
    "nameless": {"name": BOSS},
}
REFUSED = {
    "stranger": "nobody has said which deals you see",
    "unverified": "has not verified your e-mail address",
    "nameless": "nobody has said which deals you see",
}


@pytest.fixture(scope="module")
def address(home: Place) -> Iterator[str]:
    """Yield the address of a dashboard that knows Anna and the boss, whom a provider logs in."""
    pytest.importorskip("streamlit", reason="the extra `dashboard` is not installed")
    mock = pytest.importorskip("oidc_provider_mock", reason="oidc-provider-mock is not installed")
    users = home.folder / "home" / "dashboard_users.yaml"
    write_person(users, Person(ANNA, scope_of(f"manager:{managers(home)[0]}")))
    write_person(users, Person(BOSS, scope_of("all")))
    people = [mock.User(sub=name, claims=claims) for name, claims in CLAIMS.items()]
    with mock.run_server_in_thread(user_claims=people) as provider:
        secrets = home.folder / ".streamlit" / "secrets.toml"
        secrets.parent.mkdir()
        secrets.write_text(SECRETS.format(provider=f"http://localhost:{provider.server_port}"))
        with dashboard_server(home, CRM_DASHBOARD_LOGIN="oidc") as running:
            yield running.address


def managers(home: Place) -> list[str]:
    return sorted(home.frame("win_predictions", "2023-12")["manager"].unique())


def choose(visitor: Visitor, name: str) -> None:
    """Log in at the provider as one of its people."""
    visitor.page.get_by_role("button", name="Log in", exact=True).click()
    visitor.page.get_by_role("button", name=name, exact=True).click()
    visitor.page.wait_for_url(f"{visitor.address}/**")


def test_a_person_sees_the_own_scope_and_can_leave(browser: Any, address: str, home: Place) -> None:
    own, *others = managers(home)
    anna = visit(browser, address)
    # Nobody reads a page before logging in, whatever the address says.
    anna.page.goto(f"{address}/deals?email={BOSS}")
    settled(anna.page)
    assert "Worth" not in anna.text()
    choose(anna, "anna")
    anna.page.get_by_text(f"{ANNA} sees the deals of manager {own}").wait_for()
    for title in ("Forecast", "Deals"):
        said = anna.go(title)
        assert not [name for name in others if name in said], title
    assert set(csv(anna.download("This table as CSV"))["manager"]) == {own}
    assert "@" not in anna.page.url
    assert "?" not in anna.page.url
    # Logging out ends the session at the provider too.
    anna.page.get_by_role("button", name="Log out").click()
    anna.page.wait_for_url("**/end_session**")
    anna.page.get_by_role("button").first.click()
    anna.page.get_by_role("button", name="Log in", exact=True).wait_for()
    anna.page.goto(f"{address}/deals")
    settled(anna.page)
    assert "Worth" not in anna.text()


def test_who_may_not_come_in_is_told_why_and_can_log_in_as_somebody_else(browser: Any, address: str) -> None:
    visitor = visit(browser, address)
    visitor.page.goto(address)
    for name, sentence in REFUSED.items():
        choose(visitor, name)
        visitor.page.get_by_text(sentence).wait_for()
        assert "wins" not in visitor.text()
        visitor.page.get_by_role("button", name="Log in as somebody else").click()
        visitor.page.wait_for_url("**/end_session**")
        visitor.page.get_by_role("button").first.click()
    # A provider that never says whether it has verified an address vouches for all of them.
    choose(visitor, "says nothing")
    visitor.page.get_by_text(f"{BOSS} sees all deals").wait_for()


def test_without_a_provider_the_dashboard_does_not_start(home: Place) -> None:
    login = pytest.importorskip("crm_assets.dashboard.login", reason="the extra `dashboard` is not installed")
    with pytest.raises(SettingsError, match=r"needs the values of a provider: .*docs/guides/dashboard.md"):
        login.check_provider()
    there = Place(home.folder / "elsewhere", home.settings)
    (there.folder / ".streamlit").mkdir(parents=True)
    (there.folder / ".streamlit" / "secrets.toml").write_text('[auth]\nclient_id = "dashboard"\n')
    done = there.python("-m", "crm_assets.dashboard", CRM_DASHBOARD_LOGIN="oidc")
    assert done.returncode == 1
    assert "lacks redirect_uri, cookie_secret, client_secret, server_metadata_url" in done.stderr
    assert "Traceback" not in done.stderr
