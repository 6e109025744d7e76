"""Forecast: wins and revenue of the next months, from open deals and from new business."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from crm_assets.dashboard.desk import Desk
from crm_assets.dashboard.look import BLUE, ORANGE, chart, downloads, table
from crm_assets.dashboard.own import own_numbers
from crm_assets.insight.headline import headline
from crm_assets.insight.quotas import with_quotas
from crm_assets.insight.reading import Reader

LEVELS = {
    "regional_office": "Office",
    "manager": "Manager",
    "sales_agent": "Agent",
    "product": "Product",
}
TITLES = {
    "name": "Name",
    "open_deals": "Open deals",
    "expected_wins": "Wins from open deals",
    "new_wins": "Wins from new business",
    "total_wins": "Wins",
    "total_revenue": "Revenue",
    "total_revenue_low": "At least",
    "total_revenue_high": "At most",
    "quota": "Quota",
    "attainment": "Attainment",
    "coverage": "Coverage",
}


def forecast(reader: Reader, month: str) -> pd.DataFrame:
    """Return the forecast that the scope shows."""
    return reader.forecast(month)


def _with_quotas(reader: Reader, month: str, level: str, months: int) -> pd.DataFrame:
    rows = reader.forecast(month)
    part = rows[(rows["level"] == level) & (rows["horizon_months"] == months)]
    return with_quotas(reader, part, month)


def show(desk: Desk) -> None:
    """Show the forecast of the month."""
    title = st.empty()
    title.title("Forecast")
    rows = desk.read(forecast, desk.month)
    totals = headline(rows, desk.reader.scope)
    if totals.empty:
        st.info(_nothing(desk))
        return
    first = totals.iloc[0]
    title.title(f"Forecast for {desk.formats.month(first['forecast_month'])}")
    _sentence(desk, first)
    for place, (_, row) in zip(st.columns(len(totals)), totals.iterrows(), strict=True):
        _metric(desk, place, row)
    _bars(desk, totals)
    levels = [level for level in LEVELS if level in set(rows["level"])]
    if levels:
        _by_level(desk, rows, levels)


def _nothing(desk: Desk) -> str:
    """Return why a person sees no forecast."""
    unknown = desk.reader.scope.unknown(desk.read(Reader.team))
    if unknown:
        return (
            f"No deal belongs to {', '.join(unknown)}: ask your administrator to check the name "
            "(make dashboard-user)."
        )
    return "There is no forecast for the deals that you see. Choose another month."


def _sentence(desk: Desk, row: pd.Series) -> None:
    words = desk.formats
    open_deals, month = words.number(row["open_deals"]), words.month(desk.month)
    wins, revenue = words.number(row["total_wins"]), words.money(row["total_revenue"])
    said = (
        f"**{wins} wins** and **{revenue}** are expected. Wins from the {open_deals} deals open at the "
        f"end of {month}: {words.number(row['expected_wins'])}. Wins from deals that are not open yet: "
        f"{words.number(row['new_wins'])}."
    )
    if pd.notna(row["total_revenue_low"]):
        said += (
            f" Four times out of five it will be {words.money(row['total_revenue_low'])} to "
            f"{words.money(row['total_revenue_high'])}."
        )
    else:
        said += " Too few past months tell how far the forecast strays."
    # A dollar sign would start a formula.
    st.markdown(said.replace("$", "\\$"))


def _metric(desk: Desk, place, row: pd.Series) -> None:  # noqa: ANN001
    words = desk.formats
    wins = f"{words.number(row['total_wins'])} wins"
    if pd.notna(row["total_wins_low"]):
        wins += f" ({words.number(row['total_wins_low'])} to {words.number(row['total_wins_high'])})"
    months = int(row["horizon_months"])
    place.metric(
        f"Until the end of {words.month(row['forecast_month'])}",
        words.money(row["total_revenue"]),
        wins,
        delta_color="off",
        delta_arrow="off",
        help=f"{months} month{'s' if months > 1 else ''} together",
        border=True,
    )


def _bars(desk: Desk, totals: pd.DataFrame) -> None:
    parts = totals.assign(until=[desk.formats.month(month) for month in totals["forecast_month"]])
    long = parts.melt(["until"], ["expected_revenue", "new_revenue"], "part", "revenue")
    long["part"] = long["part"].map({"expected_revenue": "from open deals", "new_revenue": "new business"})
    order = parts["until"].tolist()
    axis = alt.Axis(format="~s", title=f"Revenue ({desk.formats.currency})")
    bars = (
        alt.Chart(long)
        .mark_bar()
        .encode(
            y=alt.Y("until:N", sort=order, title=None),
            x=alt.X("revenue:Q", axis=axis),
            color=alt.Color(
                "part:N",
                scale=alt.Scale(domain=["from open deals", "new business"], range=[BLUE, ORANGE]),
                legend=alt.Legend(orient="top", title=None),
            ),
            tooltip=["until", "part", alt.Tooltip("revenue:Q", format=",.0f")],
        )
    )
    ends = (
        alt.Chart(parts.dropna(subset=["total_revenue_low"]))
        .mark_rule(strokeWidth=2)
        .encode(y=alt.Y("until:N", sort=order), x="total_revenue_low:Q", x2="total_revenue_high:Q")
    )
    drawn = alt.layer(bars, ends.encode(color=alt.value("#808080"))).properties(height=60 * len(parts) + 60)
    chart(drawn, "Expected revenue by horizon, from open deals and new business, with 80 % interval")


def _by_level(desk: Desk, rows: pd.DataFrame, levels: list[str]) -> None:
    st.subheader("By office, manager, agent or product")
    left, right = st.columns(2)
    level = left.segmented_control(
        "By", levels, default=levels[0], format_func=lambda one: LEVELS[one], key="level"
    )
    horizons = sorted(rows["horizon_months"].unique())
    months = right.segmented_control(
        "Months together", horizons, default=horizons[0], key="horizon", format_func=str
    )
    part = desk.read(_with_quotas, desk.month, level or levels[0], int(months or horizons[0]))
    part = part.sort_values("total_revenue", ascending=False)
    part = part[[name for name in TITLES if name in part]]
    table(desk, part, "forecasts", TITLES | {"name": LEVELS[level or levels[0]]}, key="by_level")
    said = (
        "Four times out of five, revenue lies between At least and At most. The fewer deals a row has, the "
        "wider that is."
    )
    if "quota" in part:
        said += (
            " Attainment is the forecast over the quota, coverage what all open deals would bring over it."
        )
    st.caption(said)
    if len(part):
        own_numbers(desk, level or levels[0], part["name"].dropna().tolist())
    downloads(desk, part, f"forecast-{level or levels[0]}")
