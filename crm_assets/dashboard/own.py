"""The forms in which people enter their own number, and the numbers that are there."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from crm_assets.dashboard.desk import Desk, locked, told
from crm_assets.dashboard.look import TITLES, columns, for_screen
from crm_assets.insight import overrides
from crm_assets.insight.overrides import DEAL_SUBJECT


def own_numbers(desk: Desk, subject: str, names: list[str]) -> None:
    """Show the numbers that people entered for the month, and a form for another one.

    Args:
        desk: the page's desk.
        subject: `deal`, or a level of the forecast.
        names: what the person may enter a number for.
    """
    is_deal = subject == DEAL_SUBJECT
    with st.expander("Your own number, beside the model's"):
        with locked():
            kept = overrides.overrides(desk.reader)
        kept = kept[(kept["forecast_month"] == _next(desk)) & (kept["subject"] == subject)]
        _show(desk, kept, is_deal)
        with st.form(f"own-{subject}", clear_on_submit=True):
            what = "Deal" if is_deal else TITLES.get(subject, "Name")
            name = st.selectbox(what, names, key=f"own-name-{subject}")
            title = "Chance to be won next month (%)" if is_deal else f"Revenue ({desk.formats.currency})"
            number = st.number_input(title, min_value=0.0, max_value=100.0 if is_deal else None, step=1.0)
            note = st.text_input("Why", max_chars=overrides.LONGEST_NOTE)
            sent = st.form_submit_button("Save")
        if sent and name is not None:
            with told(), locked():
                overrides.save(
                    desk.reader,
                    desk.month,
                    subject,
                    name,
                    number / 100 if is_deal else number,
                    note,
                    desk.person.name,
                )
                st.success("Saved. The model's number stays as it is; Said and came will compare both.")


def _next(desk: Desk) -> str:
    from crm_assets.crm.targets import DEFAULT_TARGET

    return DEFAULT_TARGET.last_month(desk.month)


def _show(desk: Desk, kept: pd.DataFrame, is_deal: bool) -> None:
    if kept.empty:
        st.caption("Nobody has entered a number for this month yet.")
        return
    name = "probability" if is_deal else "number"
    rows = kept.rename(columns={"number": name})[["name", name, "note", "author", "made_at"]]
    titles = {"probability": "Own chance", "number": "Own revenue", "name": "For", "made_at": "When (UTC)"}
    st.dataframe(
        for_screen(rows), hide_index=True, column_config=columns(desk, rows, titles), alt="Own numbers"
    )
