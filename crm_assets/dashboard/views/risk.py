"""At risk: deals that still have a chance and slip away, and deals that are probably dead."""

from __future__ import annotations

import streamlit as st

from crm_assets.dashboard.desk import Desk
from crm_assets.dashboard.look import downloads, table
from crm_assets.insight.risk import Limits, at_risk

SHOWN = (
    "opportunity_id",
    "within_3_months",
    "expected_value",
    "worth",
    "risk",
    "sales_agent",
    "product",
    "account",
    "days_open",
    "manager",
    "regional_office",
)


def show(desk: Desk) -> None:
    """Show the deals at risk, those that can still be won first."""
    st.title("At risk")
    settings = desk.settings
    deals = desk.read(at_risk, desk.month, Limits.of(settings))
    deals = deals[[name for name in SHOWN if name in deals]]
    least = settings.band_limits[-1]
    alive = deals[deals["within_3_months"] >= least]
    dead = deals[deals["within_3_months"] < least].sort_values("expected_value", ascending=False)
    chance = desk.formats.percent(least)
    st.subheader("Still to be saved")
    st.caption(
        f"Deals at risk whose chance within three months is {chance} or more; most to lose first. "
        "Worth is that chance times the amount if won."
    )
    table(desk, alive, "such deals", key="alive")
    st.subheader("Probably dead")
    st.caption(
        f"Deals at risk with a chance below {chance}, the largest first. Close them, or say what will revive "
        "them: they make the pipeline look larger than it is."
    )
    if not dead.empty:
        amount = desk.formats.money(dead["expected_value"].sum())
        st.markdown(f"{len(dead):,} deals with {amount} if all were won.".replace("$", "\\$"))
    table(desk, dead, "such deals", key="dead")
    downloads(desk, deals, "at-risk")
