"""Trust: who makes the predictions, how good they are, what the leak audit found, and the data's quality."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from crm_assets.dashboard.desk import Desk, told
from crm_assets.dashboard.look import BLUE, ORANGE, capital, chart
from crm_assets.insight.evidence import evidence
from crm_assets.insight.leaderboard import TITLES, WINS, leaderboard
from crm_assets.insight.reading import Reader
from crm_assets.modeling.verdicts import ABSENT, INADMISSIBLE, POOLED_RATE, WORST_FIRST, worst_first


def show(desk: Desk) -> None:
    """Show what a person needs to decide whether to trust the numbers."""
    st.title("Trust")
    _champion(desk)
    with told():
        _leaderboard(desk)
    with told():
        _calibration(desk)
    with told():
        _verdicts(desk)
    with told():
        _quality(desk)


def _champion(desk: Desk) -> None:
    made = desk.read(_makers, desk.month)
    st.markdown(f"Predictions of {desk.formats.month(desk.month)}: **{made}**.")
    version, problem = champion_in_registry()
    if problem:
        st.warning(f"{problem} The pages show what is stored.", icon=":material/cloud_off:")
    elif version and version not in made:
        st.warning(
            f"Version {version} is champion now, but other predictions are stored. Refresh them: make "
            f"materialize ASSETS=win_predictions,revenue_forecast MONTH={desk.months[-1]}",
            icon=":material/sync_problem:",
        )


@st.cache_data(ttl=60, show_spinner="Asking the registry …")
def champion_in_registry() -> tuple[str | None, str]:
    """Return the champion's version, and what is wrong if the registry does not say."""
    from crm_assets.errors import CrmAssetsError
    from crm_assets.registry.watch import champion_version
    from crm_assets.settings import get_settings

    try:
        return champion_version(get_settings()), ""
    except CrmAssetsError as error:
        return None, str(error).replace("; the next tick asks again", "")


def _makers(reader: Reader, month: str) -> str:
    made = reader.predictions(month)[["algorithm", "model_version", "scored_by"]].drop_duplicates()
    return (
        ", ".join(
            f"{row.algorithm}, version {row.model_version} ({str(row.scored_by).replace('_', ' ')})"
            for row in made.itertuples()
        )
        or "no open deal"
    )


def _board(reader: Reader) -> pd.DataFrame:
    return reader.leaderboard()


def _leaderboard(desk: Desk) -> None:
    st.subheader("Models and baselines")
    board = desk.read(_board)
    if (board["contender"] == POOLED_RATE).all():
        st.info("The data is not enough for a model: every deal has the pooled rate of its age.")
        return
    rows = leaderboard(board)
    config: dict[str, Any] = {
        name: st.column_config.NumberColumn(
            capital(title), format="%.3f" if name not in WINS else "localized", step=None
        )
        if pd.api.types.is_numeric_dtype(rows[name])
        else st.column_config.TextColumn(capital(title))
        for name, title in TITLES.items()
    }
    st.dataframe(rows, hide_index=True, column_config=config, alt="Leaderboard")
    st.caption(
        "The validation months chose the champion; the test months, the last ones, had no part in that. Each "
        "month was scored by models that had seen only the months before it. AUC: how well it ranks winners "
        "above others, 0.5 is chance and 1 perfect. Brier and calibration error: lower is better. Expected "
        "and realized wins are those of the test months. The seasonal rate is what a calendar alone would "
        "say."
    )


def _calibration(desk: Desk) -> None:
    st.subheader("Do 20 % chances come true in 20 % of cases?")
    from crm_assets.monitoring.reading import calibration

    rows = desk.read(calibration)
    if rows.empty:
        st.info("No month with predictions has an outcome yet.")
        return
    top = float(max(rows["predicted"].max(), rows["won"].max())) * 1.1
    scale = alt.Scale(domain=[0, top])
    line = alt.Chart(pd.DataFrame({"x": [0, top], "y": [0, top]})).mark_line(
        strokeDash=[4, 4], color="#808080"
    )
    points = (
        alt.Chart(rows)
        .mark_circle(color=BLUE, opacity=0.9)
        .encode(
            x=alt.X("predicted:Q", scale=scale, axis=alt.Axis(format="%"), title="Predicted chance"),
            y=alt.Y("won:Q", scale=scale, axis=alt.Axis(format="%"), title="Share that was won"),
            size=alt.Size("deals:Q", legend=None, scale=alt.Scale(range=[40, 400])),
            tooltip=[
                "chance",
                "deals",
                alt.Tooltip("predicted:Q", format=".1%"),
                alt.Tooltip("won:Q", format=".1%"),
            ],
        )
    )
    drawn = alt.layer(line.encode(x="x:Q", y="y:Q"), points).properties(height=320)
    chart(drawn, "Predicted chance against share won; on the dashed line both agree")
    st.caption("On the dashed line, as many deals were won as predicted. A larger dot stands for more deals.")
    with st.expander("The same as a table"):
        st.dataframe(
            rows,
            hide_index=True,
            alt="Calibration by class of chance",
            column_config={
                "chance": "Predicted chance",
                "deals": "Deals",
                "predicted": st.column_config.NumberColumn("Mean prediction", format="percent"),
                "won": st.column_config.NumberColumn("Won", format="percent"),
            },
        )


def _audit(reader: Reader) -> pd.DataFrame:
    return reader.leak_audit()


def _verdicts(desk: Desk) -> None:
    st.subheader("Does a feature know the outcome?")
    audit = desk.read(_audit)
    found = worst_first(audit[audit["verdict"].isin(WORST_FIRST)])
    if found.empty:
        st.success(f"All {len(audit)} features are admissible.", icon=":material/check_circle:")
        return
    used = found.loc[found["used"] & (found["verdict"] != ABSENT), "feature"].tolist()
    guilty = int((found["verdict"] == INADMISSIBLE).sum())
    handled = f"the models still use {', '.join(used)}" if used else "the models use none of them"
    st.markdown(f"{guilty} of {len(audit)} features know the outcome; {handled}.")
    st.dataframe(
        found[["feature", "verdict", "used", "reason"]],
        hide_index=True,
        alt="Verdicts of the leak audit",
        column_config={
            "feature": "Feature",
            "verdict": "Verdict",
            "used": "Used",
            "reason": st.column_config.TextColumn("Reason", width="large"),
        },
    )
    with st.expander("The reasons in full"):
        for row in found.to_dict("records"):
            st.markdown(f"- **{row['feature']}**: {row['reason']}")
    for trace in desk.read(evidence):
        drawn = _trace(trace.months)
        st.markdown(
            f"**{trace.column}: {trace.level}.** Months follow the orange line if the value is written when "
            "a deal closes, the gray line if it was there from the start."
        )
        chart(drawn, f"Share of deals with {trace.column} {trace.level} by month of engagement")


def _trace(months: pd.DataFrame) -> alt.LayerChart:
    month = alt.X("month:O", title="Month of engagement", axis=alt.Axis(labelAngle=-30))
    share = alt.Axis(format="%")
    base = alt.Chart(months)
    start = base.mark_line(strokeDash=[4, 4], color="#808080").encode(x=month, y="if_there_from_the_start:Q")
    written = base.mark_line(color=ORANGE).encode(x=month, y="if_written_at_closing:Q")
    actual = base.mark_point(filled=True, size=70, color=BLUE).encode(
        x=month,
        y=alt.Y("share:Q", axis=share, title="Share of the month's deals"),
        tooltip=["month", alt.Tooltip("share:Q", format=".1%")],
    )
    return alt.layer(start, written, actual).properties(height=260)


def _quality_of(reader: Reader) -> tuple[pd.DataFrame, pd.DataFrame]:
    read = reader.store.to_pandas
    rows = read(reader.store.read("quarantined_rows"))
    counts = rows.groupby(["table", "rule", "what", "remedy"], as_index=False).agg(
        rows=("source_row", "nunique")
    )
    return read(reader.store.read("data_quality")), counts


def _quality(desk: Desk) -> None:
    st.subheader("Is the data sound?")
    scores, quarantined = desk.read(_quality_of)
    st.dataframe(
        scores[scores["rows"] > 0].sort_values("score"),
        hide_index=True,
        alt="Quality scores by table",
        column_config={
            "table": "Table",
            "rows": st.column_config.NumberColumn("Rows", format="localized"),
            "clean_rows": st.column_config.NumberColumn("Rows that break no rule", format="localized"),
            "score": st.column_config.NumberColumn("Score", format="percent"),
        },
    )
    st.caption(
        "The score is the share of rows that break no rule. Rows that break one which only warns still "
        "count: spelling is corrected, and what is missing stays missing. The rules of each table, and how "
        "many rows break them, stand in the Dagster UI (make dev) under the asset's checks."
    )
    if quarantined.empty:
        st.caption("No row of the CRM's files was set aside.")
        return
    st.markdown(f"**{int(quarantined['rows'].sum()):,} rows were set aside**, and no number counts them:")
    titles = {"table": "Table", "rule": "Rule", "what": "What is wrong", "remedy": "Remedy", "rows": "Rows"}
    st.dataframe(quarantined, hide_index=True, column_config=titles, alt="Rows set aside, by rule")
