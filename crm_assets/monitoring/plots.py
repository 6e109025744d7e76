"""Plots of what was said and what came, as PNG bytes, in the style of `modeling.plots`."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from crm_assets.modeling.outlook.cells import TOTAL
from crm_assets.modeling.plots import BLUE, GRAY, ORANGE, as_png, bare
from crm_assets.monitoring.tables import (
    DECILE,
    ESTIMATE,
    MODEL,
    REVENUE,
    ROC_AUC,
    SEASON,
    WIN_RATE,
    WINS,
    of_horizon,
)

# Wins, revenue and ROC AUC: who says them, and the title of each part of the plot.
PARTS = (
    (WINS, MODEL, "Wins"),
    (REVENUE, MODEL, "Revenue"),
    (ROC_AUC, ESTIMATE, "ROC AUC, and its estimate before the outcome was known"),
)


def said_and_came(rows: pd.DataFrame, currency: str) -> bytes:
    """Plot what was said about each month, with its interval, beside what came and what the season says.

    Args:
        rows: columns of `FORECAST_ACCURACY`, of one or more months.
        currency: of the revenue.
    """
    figure = Figure(figsize=(6.4, 8.4), dpi=110)
    places = {"left": 0.13, "right": 0.97, "bottom": 0.06, "top": 0.92, "hspace": 0.32}
    parts = figure.subplots(len(PARTS), 1, gridspec_kw=places)
    rows = of_horizon(rows)
    months = sorted(set(rows["forecast_month"]))
    totals = rows[rows["level"] == TOTAL]
    for axes, (measure, by, title) in zip(parts, PARTS, strict=True):
        bare(axes, f"{title} ({currency})" if measure == REVENUE else title)
        of_measure = totals[totals["measure"] == measure]
        own = of_measure[of_measure["by"] == by].set_index("forecast_month").reindex(months)
        _beside(axes, own)
        before = of_measure[of_measure["by"] == SEASON].set_index("forecast_month").reindex(months)
        if measure == ROC_AUC:
            axes.set_ylim(0.5, 1)
        elif before["said"].notna().any():
            axes.plot(
                range(len(months)),
                before["said"],
                color=GRAY,
                linestyle="--",
                label="same month last quarter",
            )
        if measure != ROC_AUC:
            axes.set_ylim(bottom=0)
        if measure == REVENUE:
            axes.yaxis.set_major_formatter(EngFormatter(sep=""))
        axes.set_xticks(range(len(months)), months, fontsize=8)
        axes.set_xlim(-0.5, len(months) - 0.5)
    handles, names = parts[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="upper center", ncols=4, frameon=False, fontsize=8)
    return as_png(figure)


def _beside(axes: Axes, own: pd.DataFrame) -> None:
    places = range(len(own))
    axes.vlines(
        places, own["lower"], own["upper"], color=BLUE, alpha=0.35, linewidth=6, label="its 80 % interval"
    )
    axes.plot(places, own["said"], color=BLUE, marker="o", linestyle="none", label="said")
    axes.plot(places, own["came"], color=ORANGE, marker="D", linestyle="none", label="came")


def calibration(rows: pd.DataFrame) -> bytes:
    """Plot the win rate of tenths of the deals of a month beside their predicted chance.

    Args:
        rows: columns of `FORECAST_ACCURACY`, of one month.
    """
    rows = of_horizon(rows)
    tenths = rows[(rows["level"] == DECILE) & (rows["measure"] == WIN_RATE) & (rows["by"] == MODEL)]
    figure = Figure(figsize=(6.4, 4), dpi=110)
    axes = figure.subplots(gridspec_kw={"left": 0.13, "right": 0.97, "bottom": 0.13, "top": 0.91})
    bare(axes, f"Chances and wins in {rows['forecast_month'].iloc[0]}, by tenths of the deals")
    axes.set(xlabel="predicted chance", ylabel="share won")
    top = float(tenths[["said", "came", "upper"]].max().max()) * 1.05
    axes.plot([0, top], [0, top], color=GRAY, linestyle="--", linewidth=1, label="perfect")
    axes.vlines(
        tenths["said"],
        tenths["lower"],
        tenths["upper"],
        color=BLUE,
        alpha=0.35,
        linewidth=6,
        label="80 % by chance",
    )
    axes.plot(tenths["said"], tenths["came"], color=ORANGE, marker="D", linestyle="none", label="came")
    axes.legend(frameon=False)
    return as_png(figure)
