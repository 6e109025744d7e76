"""Said and came: each month's forecast beside what was won, with the bias by manager and product."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from crm_assets.dashboard.desk import Desk, locked
from crm_assets.dashboard.look import BLUE, ORANGE, chart, downloads, table
from crm_assets.modeling.outlook.cells import TOTAL

TITLES = {
    "forecast_month": "Month",
    "name": "Name",
    "expected_wins": "Wins forecast",
    "actual_wins": "Wins that came",
    "expected_revenue": "Forecast",
    "actual_revenue": "Came",
    "bias_wins": "Bias of wins",
    "bias_revenue": "Bias of revenue",
}


def show(desk: Desk) -> None:
    """Show how well past forecasts held."""
    # Import here, since the other pages do not wait for scikit-learn.
    from crm_assets.monitoring.reading import bias, said_and_came

    st.title("Said and came")
    by_level = desk.read(said_and_came)
    rows = by_level[TOTAL]
    if rows.empty:
        st.info("No forecast has an outcome yet: come back when the next month is over.")
        return
    said, came = rows["expected_revenue"].sum(), rows["actual_revenue"].sum()
    words = desk.formats
    more = "more" if said > came else "less"
    share = f", {words.percent(abs(said - came) / came, 1)} {more} than what came," if came else ""
    st.markdown(
        (
            f"Over {len(rows)} months, **{words.money(said)}** was forecast{share} and "
            f"**{words.money(came)}** came. Each forecast used only what was known before its month."
        ).replace("$", "\\$")
    )
    _chart(desk, rows)
    shown = rows[["forecast_month", "expected_wins", "actual_wins", "expected_revenue", "actual_revenue"]]
    table(desk, shown, "months", TITLES, key="said")
    for level, title in (("manager", "By manager"), ("sales_agent", "By agent"), ("product", "By product")):
        part = bias(by_level[level])
        if part.empty:
            continue
        st.subheader(title)
        table(desk, part, "names", TITLES, key=f"bias-{level}")
    st.caption(
        "Bias: how much more was forecast than came, as a share of what came. With few wins it moves a lot "
        "by chance."
    )
    _own(desk)
    downloads(desk, shown, "said-and-came")


def _own(desk: Desk) -> None:
    """Compare people's own numbers with the model's and with what came."""
    from crm_assets.monitoring.reading import judged

    with locked():
        rows = judged(desk.reader)
    if rows.empty:
        return
    st.subheader("Own numbers")
    closer = (rows["number"] - rows["came"]).abs() < (rows["model"] - rows["came"]).abs()
    st.markdown(f"{int(closer.sum())} of {len(rows)} own numbers were closer to what came than the model.")
    shown = rows[["forecast_month", "subject", "name", "number", "model", "came", "author", "note"]]
    st.dataframe(
        shown,
        hide_index=True,
        alt="Own numbers, the model's and what came",
        column_config={
            "forecast_month": "Month",
            "subject": "Level",
            "name": "Name",
            "number": st.column_config.NumberColumn("Own number", format="localized"),
            "model": st.column_config.NumberColumn("Model", format="localized"),
            "came": st.column_config.NumberColumn("Came", format="localized"),
            "author": "By",
            "note": "Why",
        },
    )
    st.caption("Deals: a chance from 0 to 1, and 1 if won. Others: revenue.")


def _chart(desk: Desk, rows: pd.DataFrame) -> None:
    axis = alt.Axis(format="~s", title=f"Revenue ({desk.formats.currency})")
    month = alt.X("forecast_month:O", title=None, axis=alt.Axis(labelAngle=-30))
    base = alt.Chart(rows)
    ends = base.mark_rule(strokeWidth=6, opacity=0.35, color=BLUE).encode(
        x=month, y=alt.Y("expected_revenue_low:Q", axis=axis), y2="expected_revenue_high:Q"
    )
    long = rows.melt(["forecast_month"], ["expected_revenue", "actual_revenue"], "what", "revenue")
    long["what"] = long["what"].map({"expected_revenue": "forecast", "actual_revenue": "came"})
    points = (
        alt.Chart(long)
        .mark_point(size=90, filled=True)
        .encode(
            x=month,
            y=alt.Y("revenue:Q", axis=axis),
            color=alt.Color(
                "what:N",
                scale=alt.Scale(domain=["forecast", "came"], range=[BLUE, ORANGE]),
                legend=alt.Legend(orient="top", title=None),
            ),
            shape=alt.Shape(
                "what:N", scale=alt.Scale(domain=["forecast", "came"], range=["circle", "diamond"])
            ),
            tooltip=["forecast_month", "what", alt.Tooltip("revenue:Q", format=",.0f")],
        )
    )
    drawn = alt.layer(ends, points).properties(height=320)
    chart(drawn, "Revenue forecast with 80 % interval, and revenue that came, by month")
