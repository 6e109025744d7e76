"""The login page, and who is looking: by password, by a proxy's header, or by an OpenID provider."""

from __future__ import annotations

import hmac

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from crm_assets.errors import SettingsError
from crm_assets.insight.people import (
    MOST_TRIES,
    Person,
    Throttle,
    is_password,
    is_verified,
    read_people,
    users_file,
)
from crm_assets.insight.scope import EVERYTHING
from crm_assets.settings import Settings

ANYONE = Person("everyone on this machine", EVERYTHING)
SECRET_HEADER = "X-Proxy-Secret"  # noqa: S105 - the name of a header
# What Streamlit needs to know of an OpenID provider.
PROVIDER = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
_KEY = "person"


@st.cache_resource
def throttle() -> Throttle:
    """Return the throttle that all sessions share."""
    return Throttle()


def person(settings: Settings) -> Person | None:
    """Return who is looking; None if they still have to log in, and then show them how.

    Their scope is read from the file each time, so that a change holds at once.

    Raises:
        SettingsError: the file of people is missing or malformed, or it does not name this person.
    """
    way = settings.dashboard_login
    if way == "none":
        return ANYONE
    people = read_people(users_file(settings))
    if way == "proxy":
        return _known(people, _named_by_proxy(settings))
    if way == "oidc":
        return _by_provider(people)
    name = st.session_state.get(_KEY)
    if name in people:
        return people[name]
    _ask(people)
    return None


def check_provider() -> None:
    """Check that Streamlit knows the OpenID provider.

    Raises:
        SettingsError: its secrets.toml is missing or malformed, or lacks a value.
    """
    remedy = "write them into .streamlit/secrets.toml as docs/guides/dashboard.md shows"
    try:
        known = st.secrets.get("auth", {})
    except StreamlitSecretNotFoundError as error:
        said = " ".join(str(error).split())
        raise SettingsError(
            f"CRM_DASHBOARD_LOGIN=oidc needs the values of a provider: {remedy}. {said}"
        ) from error
    if missing := [name for name in PROVIDER if not known.get(name)]:
        raise SettingsError(f"CRM_DASHBOARD_LOGIN=oidc: [auth] lacks {', '.join(missing)}: {remedy}.")


def log_out(settings: Settings) -> None:
    """Forget who is looking."""
    st.session_state.clear()
    if settings.dashboard_login == "oidc":
        st.logout()


def _ask(people: dict[str, Person]) -> None:
    st.title("Sales forecast")
    with st.form("login"):
        name = st.text_input("Name", autocomplete="username").strip().casefold()
        password = st.text_input("Password", type="password", autocomplete="current-password")
        sent = st.form_submit_button("Log in", type="primary")
    if not sent:
        return
    if (seconds := throttle().wait(name)) > 0:
        st.error(f"{MOST_TRIES} wrong passwords for this name. Try again in {seconds:.0f} seconds.")
        return
    known = people.get(name)
    if is_password(password, known.password if known else None):
        st.session_state[_KEY] = name
        st.rerun()
    throttle().failed(name)
    st.error("Name or password is wrong.")


def _named_by_proxy(settings: Settings) -> str:
    secret = settings.dashboard_proxy_secret
    given = st.context.headers.get(SECRET_HEADER) or ""
    if secret is None or not hmac.compare_digest(given.encode(), secret.get_secret_value().encode()):
        raise SettingsError("This dashboard is opened through the company's proxy: use its address.")
    return st.context.headers.get(settings.dashboard_proxy_header) or ""


def _by_provider(people: dict[str, Person]) -> Person | None:
    if not st.user.get("is_logged_in", False):
        st.title("Sales forecast")
        st.button("Log in", type="primary", on_click=st.login)
        return None
    try:
        # A provider that never says so vouches for all of its addresses.
        if not is_verified(st.user.get("email_verified", True)):
            raise SettingsError("The provider has not verified your e-mail address: verify it there.")
        return _known(people, str(st.user.get("email") or ""))
    except SettingsError:
        # Without it, the provider's cookie would keep somebody here who logged in under the wrong name.
        st.button("Log in as somebody else", on_click=st.logout)
        raise


def _known(people: dict[str, Person], name: str) -> Person:
    found = people.get(name.casefold())
    if not name or found is None:
        raise SettingsError(
            "You are logged in, but nobody has said which deals you see: ask your administrator to add you "
            "(make dashboard-user)."
        )
    return found
