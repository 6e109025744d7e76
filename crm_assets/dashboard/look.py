"""How pages look: columns of tables, colors that color-blind people tell apart, charts, downloads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from crm_assets.dashboard.desk import Desk
from crm_assets.delivery.export import sheets, workbook, workbook_name
from crm_assets.delivery.safe_text import csv_bytes

# Okabe and Ito's palette (jfly.uni-koeln.de/color), readable on light and on dark.
BLUE, ORANGE, GREEN, RED, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"
MOST_ROWS = 500
TITLES = {
    "opportunity_id": "Deal",
    "sales_agent": "Agent",
    "manager": "Manager",
    "regional_office": "Office",
    "product": "Product",
    "account": "Account",
    "band": "Band",
    "trend": "Trend",
    "probability": "Next month",
    "probability_before": "Chance before",
    "within_3_months": "Within 3 months",
    "expected_value": "If won",
    "expected_value_before": "If won, before",
    "worth": "Worth",
    "days_open": "Days open",
    "why": "Why that chance next month",
    "risk": "Risk",
    "change": "Change",
    "close_value": "Closed at",
    "expected_revenue": "Expected",
    "expected_revenue_before": "Expected before",
}
PERCENTS = (
    "probability",
    "probability_before",
    "within_3_months",
    "attainment",
    "coverage",
    "bias_wins",
    "bias_revenue",
)
COUNTS = ("days_open", "open_deals", "months", "deals")
TEXTS = ("why", "risk")
# The table's own download would write text that a spreadsheet runs as a formula; ours does not.
STYLE = """<style>
[data-testid="stElementToolbar"] {display: none;}
[data-testid="stMetricValue"] {font-size: 1.6rem;}
/* Streamlit fades captions below the contrast that WCAG asks for. */
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] * {
  color: inherit !important; opacity: 1;
}
.stMainBlockContainer {padding: 3rem 2rem 2rem;}
/* There, the page begins below the button of the menu. */
@media (max-width: 640px) {.stMainBlockContainer {padding-top: 4.25rem;}}
</style>"""


def capital(title: str) -> str:
    """Return a title with a capital letter, and the rest as it is.

    >>> capital("test AUC")
    'Test AUC'
    """
    return title[:1].upper() + title[1:]


def columns(desk: Desk, frame: pd.DataFrame, titles: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return how `st.dataframe` shows each column: title, unit and format."""
    shown: dict[str, Any] = {}
    for name in map(str, frame.columns):
        title = (titles or {}).get(name) or TITLES.get(name) or name.replace("_", " ").capitalize()
        if name in PERCENTS:
            shown[name] = st.column_config.NumberColumn(title, format="%.1f %%")
        elif name in COUNTS or "wins" in name:
            shown[name] = st.column_config.NumberColumn(title, format="localized", step=1)
        elif pd.api.types.is_float_dtype(frame[name]):
            shown[name] = st.column_config.NumberColumn(
                f"{title} ({desk.formats.currency})", format="localized", step=1
            )
        else:
            shown[name] = st.column_config.TextColumn(title, width="large" if name in TEXTS else None)
    return shown


def table(
    desk: Desk,
    frame: pd.DataFrame,
    what: str,
    titles: Mapping[str, str] | None = None,
    key: str | None = None,
) -> None:
    """Show a table; of a long one its first rows, and say so."""
    if frame.empty:
        st.info(f"No {what}.", icon=":material/info:")
        return
    rows = frame.head(MOST_ROWS)
    st.dataframe(
        for_screen(rows),
        column_config=columns(desk, rows, titles),
        hide_index=True,
        width="stretch",
        key=key,
        placeholder="",
        alt=f"Table of {what}",
    )
    if len(frame) > MOST_ROWS:
        st.caption(f"The first {MOST_ROWS:,} of {len(frame):,} {what}. The files below have all of them.")


def for_screen(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows as the screen shows them: whole amounts, shares in percent, nothing for missing text."""
    shown = rows.copy()
    for name in map(str, rows.columns):
        if name in PERCENTS:
            shown[name] = 100 * rows[name]
        elif pd.api.types.is_float_dtype(rows[name]):
            shown[name] = rows[name].round()
        elif not pd.api.types.is_numeric_dtype(rows[name]):
            shown[name] = rows[name].fillna("")
    return shown


def downloads(desk: Desk, frame: pd.DataFrame, name: str) -> None:
    """Offer the page's rows as CSV, and the month as an Excel workbook."""
    row = st.container(horizontal=True)
    row.download_button(
        "This table as CSV",
        lambda: csv_bytes(frame),
        f"{name}-{desk.month}.csv",
        "text/csv",
        on_click="ignore",
        key=f"csv-{name}",
    )
    row.download_button(
        "The month as Excel workbook",
        lambda: desk.read(month_workbook, desk.month, desk.source),
        f"{workbook_name(desk.month)}.xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        on_click="ignore",
        key=f"xlsx-{name}",
    )


def month_workbook(reader, month: str, source: str) -> bytes:  # noqa: ANN001
    """Return the workbook of a month."""
    from crm_assets.settings import get_settings

    return workbook(sheets(reader, month, get_settings(), source), month)


def chart(drawn: alt.Chart | alt.LayerChart, alt_text: str) -> None:
    """Show a chart with a text for those who cannot see it."""
    st.altair_chart(drawn, width="stretch", alt=alt_text)
