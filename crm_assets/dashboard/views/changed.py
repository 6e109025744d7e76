"""What changed: deal by deal since an earlier month, and as a waterfall that adds up."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from crm_assets.crm.targets import TARGETS, Target
from crm_assets.dashboard.desk import Desk
from crm_assets.dashboard.look import BLUE, GREEN, RED, chart, downloads, table
from crm_assets.insight.changes import MEANING, Change, Changes, changes
from crm_assets.insight.reading import Reader

WORDS = {kind.value: kind.value.replace("_", " ") for kind in Change} | {"value": "worth more or less"}


TITLES = {"probability": "Chance now"}
# What a person looks at first stands first.
SHOWN = (
    "opportunity_id",
    "change",
    "expected_revenue_before",
    "expected_revenue",
    "probability_before",
    "probability",
    "sales_agent",
    "product",
    "account",
    "close_value",
    "manager",
    "regional_office",
)


def compared(reader: Reader, month: str, before: str, months: int) -> Changes:
    """Return the changes for a horizon of so many months."""
    target: Target = next(one for one in TARGETS if one.months == months)
    return changes(reader, month, before, target)


def show(desk: Desk) -> None:
    """Show what changed since a month that the person chooses."""
    st.title("What changed")
    earlier = [month for month in desk.months if month < desk.month][::-1]
    if not earlier:
        st.info(f"{desk.formats.month(desk.month)} is the first scored month: nothing to compare with.")
        return
    left, right = st.columns(2)
    before = left.selectbox("Since the end of", earlier, format_func=desk.formats.month, key="before")
    horizons = [target.months for target in TARGETS]
    months = right.segmented_control(
        "Chance to be won within (months)", horizons, default=horizons[-1], key="within", format_func=str
    )
    found = desk.read(compared, desk.month, before, months or horizons[-1])
    fall = found.waterfall
    words = desk.formats
    start, end = words.money(float(fall.start)), words.money(float(fall.end))
    within = f"{months or horizons[-1]} month{'s' if (months or horizons[-1]) > 1 else ''}"
    said = (
        f"The deals that were open then were expected to bring **{start}** within {within}; those that are "
        f"open now, **{end}**. Deals that were won or lost since are no longer open, so both take from the "
        "sum. The steps add up to the cent."
    )
    st.markdown(said.replace("$", "\\$"))
    _waterfall(desk, found)
    kinds = [kind for kind in Change if (found.deals["change"] == kind.value).any()]
    moved = [kind.value for kind in kinds if kind is not Change.SAME]
    chosen = st.pills(
        "Show deals that are",
        [kind.value for kind in kinds],
        selection_mode="multi",
        default=moved,
        format_func=lambda kind: f"{WORDS[kind]} ({(found.deals['change'] == kind).sum():,})",
        key="kinds",
    )
    rows = found.deals[found.deals["change"].isin(chosen)]
    shown = rows[[name for name in SHOWN if name in rows]].assign(change=rows["change"].map(WORDS))
    table(desk, shown, "changed deals", TITLES, key="changed")
    with st.expander("What the words mean"):
        for kind in kinds:
            st.markdown(f"- **{WORDS[kind.value]}**: {MEANING[kind]}")
    downloads(desk, rows, "changes")


def _waterfall(desk: Desk, found: Changes) -> None:
    fall = found.waterfall
    rows = [("before", 0.0, float(fall.start), "total", len(found.deals))]
    level = fall.start
    for step in fall.steps:
        kind = "more" if step.amount >= 0 else "less"
        rows.append((WORDS[step.name], float(level), float(level + step.amount), kind, step.deals))
        level += step.amount
    rows.append(("now", 0.0, float(fall.end), "total", 0))
    frame = pd.DataFrame(rows, columns=pd.Index(["step", "from", "to", "kind", "deals"]))
    frame["amount"] = frame["to"] - frame["from"]
    drawn = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("step:N", sort=None, title=None, axis=alt.Axis(labelAngle=-30, labelOverlap=False)),
            y=alt.Y(
                "from:Q", axis=alt.Axis(format="~s"), title=f"Expected revenue ({desk.formats.currency})"
            ),
            y2="to:Q",
            color=alt.Color(
                "kind:N",
                scale=alt.Scale(domain=["total", "more", "less"], range=[BLUE, GREEN, RED]),
                legend=alt.Legend(orient="top", title=None),
            ),
            tooltip=["step", alt.Tooltip("amount:Q", format=",.2f"), "deals"],
        )
        .properties(height=320)
    )
    chart(drawn, "Waterfall of expected revenue from before to now, by kind of change")
    steps = pd.DataFrame(
        {
            "step": ["before", *(WORDS[step.name] for step in fall.steps), "now"],
            "deals": pd.array([None, *(step.deals for step in fall.steps), None], dtype="Int64"),
            "amount": [float(fall.start), *(float(step.amount) for step in fall.steps), float(fall.end)],
        }
    )
    with st.expander("The steps as a table"):
        st.dataframe(
            steps,
            hide_index=True,
            alt="The steps of the waterfall",
            column_config={
                "step": "Step",
                "deals": "Deals",
                "amount": st.column_config.NumberColumn(
                    f"Amount ({desk.formats.currency})", format="localized", step=0.01
                ),
            },
        )
