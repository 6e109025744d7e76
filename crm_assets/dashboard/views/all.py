"""The frame round all pages: login, navigation, the month to show, and who is looking."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from crm_assets.dashboard import login
from crm_assets.dashboard.desk import Desk, open_reader, read, told
from crm_assets.dashboard.look import STYLE
from crm_assets.dashboard.views import changed, deals, forecast, outcome, risk, trust
from crm_assets.delivery.formats import formats
from crm_assets.errors import CrmAssetsError, SettingsError
from crm_assets.insight.people import Person
from crm_assets.insight.reading import Reader
from crm_assets.settings import get_settings
from crm_assets.sources.select import said_to_people, select_source

PAGES = (
    (forecast.show, "Forecast", "forecast", ":material/trending_up:"),
    (deals.show, "Deals", "deals", ":material/handshake:"),
    (changed.show, "What changed", "changes", ":material/compare_arrows:"),
    (risk.show, "At risk", "risk", ":material/warning:"),
    (outcome.show, "Said and came", "outcome", ":material/fact_check:"),
    (trust.show, "Trust", "trust", ":material/verified:"),
)


def load() -> None:
    """Load what the first page needs beyond this module: the table engine and its queries."""
    import ibis

    ibis.duckdb.connect().disconnect()


def show() -> None:
    """Show the page that the address names, or the login."""
    st.set_page_config(page_title="Sales forecast", page_icon="📈", layout="wide")
    st.html(STYLE)
    with told():
        settings = get_settings()
        person = login.person(settings)
        if person is None:
            return
        pages = [
            st.Page(
                _page(page, person, title),
                title=title,
                url_path=path,
                icon=icon,
                default=page is forecast.show,
            )
            for page, title, path, icon in PAGES
        ]
        st.navigation(pages).run()


def _page(page: Callable[[Desk], None], person: Person, title: str) -> Callable[[], None]:
    def run() -> None:
        with told():
            try:
                desk = _desk(person)
            except CrmAssetsError:
                # A page that has nothing to show still says which one it is.
                st.title(title)
                raise
            page(desk)

    return run


def _desk(person: Person) -> Desk:
    """Return what pages work with, and show month, source and person beside the page."""
    settings = get_settings()
    reader = open_reader().within(person.scope)
    with st.sidebar:
        if settings.dashboard_login != "none":
            st.caption(f"{person.name} sees {person.scope.said()}")
            st.button("Log out", on_click=login.log_out, args=(settings,))
    # Raises in a sentence if nothing is stored yet.
    newest = reader.newest_month()
    months = tuple(reader.months())
    source = select_source(settings)
    described = said_to_people(source)
    locale = settings.locale or st.context.locale
    shown = formats(locale, read(reader, Reader.currency))
    with st.sidebar:
        month = st.selectbox(
            "Deals as known at the end of",
            months[::-1],
            index=months[::-1].index(newest),
            format_func=shown.month,
            key="month",
        )
        if month is None or month not in months:
            raise SettingsError("That month is not stored any more: choose another one.")
        waiting = reader.waiting_months()
        if waiting:
            st.caption(f"{', '.join(waiting)}: not scored yet. If no run is on: make materialize.")
        st.caption(f"Source: {described}")
    if source.synthetic:
        st.warning("Synthetic data: every number here describes a made-up CRM.", icon=":material/science:")
    return Desk(reader, person, settings, shown, months, month, described, source.synthetic)
