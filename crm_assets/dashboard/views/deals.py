"""Deals: the open deals, what to do first, and why each has its chance."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from crm_assets.dashboard.desk import Desk
from crm_assets.dashboard.look import MOST_ROWS, TITLES, downloads, table
from crm_assets.dashboard.own import own_numbers
from crm_assets.insight.overrides import DEAL_SUBJECT
from crm_assets.insight.ranked import DEAL, FIRST, ranked, why
from crm_assets.insight.risk import Limits, at_risk

FILTERS = ("band", "trend", "manager", "sales_agent", "product")
# At most so many deals get their reasons looked up for the screen.
WITH_REASONS = MOST_ROWS
# What a person looks at first stands first.
SHOWN = (
    "opportunity_id",
    "band",
    "within_3_months",
    "expected_value",
    "worth",
    "trend",
    "sales_agent",
    "product",
    "account",
    "days_open",
    "probability",
    "why",
    "manager",
    "regional_office",
)


def show(desk: Desk) -> None:
    """Show the ranked deals of the month."""
    st.title("Deals")
    deals = desk.read(ranked, desk.month, desk.settings.band_limits)
    if deals.empty:
        st.info("No open deal in what you see at the end of this month.", icon=":material/info:")
        return
    _first(desk, deals)
    st.subheader("All open deals")
    chosen = _filtered(deals)
    shown = chosen.head(WITH_REASONS)
    reasons = _reasons(desk, shown)
    rows = chosen.drop(columns=["pushed_up", "pushed_down"]).assign(why=reasons.reindex(chosen.index))
    st.caption(f"{len(chosen):,} of {len(deals):,} open deals. {_bands(desk)}")
    table(desk, rows[[name for name in SHOWN if name in rows]], "deals", key="deals")
    if len(chosen):
        own_numbers(desk, DEAL_SUBJECT, chosen[DEAL].head(MOST_ROWS).tolist())
    downloads(desk, rows, "deals")


def _bands(desk: Desk) -> str:
    a, b, c = (desk.formats.percent(limit) for limit in desk.settings.band_limits)
    return (
        f"Band by the chance within 3 months: A from {a}, B from {b}, C from {c}, D below. Worth is that "
        "chance times the amount if won; the list is sorted by it. The reasons explain the chance next month."
    )


def _first(desk: Desk, deals: pd.DataFrame) -> None:
    """List the deals to call first: those with most to gain, unless hardly anybody expects them."""
    worthwhile = deals[deals["band"] != "D"].head(FIRST)
    st.subheader("What to do first")
    st.caption(
        "The open deals that may bring most: the chance to be won within 3 months times the amount if won. "
        "Deals of band D are left out."
    )
    if worthwhile.empty:
        best = desk.formats.chance(deals["within_3_months"].max())
        st.info(
            f"No open deal has a chance worth a call: the best one has {best} within three months. Look for "
            "new business, and close deals that are dead.",
            icon=":material/info:",
        )
        return
    reasons = _reasons(desk, worthwhile)
    risks = desk.read(at_risk, desk.month, Limits.of(desk.settings)).set_index(DEAL)["risk"]
    for number, (place, deal) in enumerate(worthwhile.iterrows(), start=1):
        who = ", ".join(str(deal[name]) for name in ("sales_agent", "product", "account") if deal.get(name))
        chance = desk.formats.percent(deal["within_3_months"])
        said = (
            f"**{deal[DEAL]}** · {who} · **{chance}** within 3 months, "
            f"{desk.formats.money(deal['expected_value'])} if won. Next month: "
            f"{desk.formats.chance(deal['probability'])}; {reasons[place]}."
        )
        if deal[DEAL] in risks:
            said += f" At risk: {risks[deal[DEAL]]}."
        st.markdown(f"{number}. {said}".replace("$", "\\$"))


def _reasons(desk: Desk, deals: pd.DataFrame) -> pd.Series:
    if deals.empty:
        return pd.Series(dtype=object)
    known = desk.read(_why_of, desk.month, tuple(deals[DEAL]), desk.settings.band_limits)
    return deals[DEAL].map(known)


def _why_of(reader, month: str, ids: tuple[str, ...], limits: tuple[float, ...]) -> dict[str, str]:  # noqa: ANN001
    deals = ranked(reader, month, limits)
    deals = deals[deals[DEAL].isin(ids)]
    return dict(zip(deals[DEAL], why(reader, month, deals), strict=True))


def _filtered(deals: pd.DataFrame) -> pd.DataFrame:
    """Return the deals that filters and search leave; filters stay in the session, never in the address."""
    there = [name for name in FILTERS if name in deals]
    with st.container(horizontal=True):
        for name in there:
            options = sorted(deals[name].dropna().unique())
            picked = st.multiselect(TITLES[name], options, key=f"filter-{name}", placeholder="all")
            if picked:
                deals = deals[deals[name].isin(picked)]
        searched = (
            st.text_input("Search", key="search", placeholder="deal, account, agent").strip().casefold()
        )
    if searched:
        columns = [name for name in (DEAL, "account", "sales_agent") if name in deals]
        found = [
            deals[name].fillna("").str.casefold().str.contains(searched, regex=False) for name in columns
        ]
        deals = deals[pd.concat(found, axis=1).any(axis=1)]
    return deals
