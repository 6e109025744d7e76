"""Plots of the models, as PNG bytes."""

import io
from collections.abc import Sequence
from itertools import accumulate

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from sklearn.metrics import roc_curve

from crm_assets.modeling.algorithms import algorithm
from crm_assets.modeling.champion import Candidate
from crm_assets.modeling.explanation import importance
from crm_assets.modeling.folds import Split
from crm_assets.modeling.leak_evidence import STATUSES, Trace
from crm_assets.modeling.metrics import ECE_BINS, POOLED, label_of
from crm_assets.modeling.training_rows import TrainingRows
from crm_assets.modeling.verdicts import SEASONAL_RATE

BLUE, ORANGE, GRAY = "#1f5fa8", "#d9822b", "#8a8f98"


def champion_plots(candidate: Candidate, rows: TrainingRows) -> dict[str, bytes]:
    """Return the plots for a candidate, by name."""
    test = candidate.walk_forward[candidate.walk_forward["snapshot_month"].isin(candidate.split.test)]
    newest = rows.rows(candidate.trained_months[-1:])
    chosen, fitted = algorithm(candidate.algorithm), candidate.model.pipeline
    return {
        "calibration_curve": calibration_curve(test),
        "roc_curve": roc(test),
        "auc_by_month": auc_by_month(candidate.by_month, candidate.split),
        "expected_and_realized_wins": expected_and_realized(candidate.walk_forward),
        "top_features": top_features(importance(chosen, fitted, newest, candidate.features)),
    }


def calibration_curve(predictions: pd.DataFrame) -> bytes:
    """Plot predicted against realized win rate, in bins with equal numbers of deals."""
    figure, axes = new_axes("Calibration on the test months", "predicted probability", "share won")
    ranks = predictions["probability"].rank(method="first")
    bins = predictions.groupby(pd.qcut(ranks, min(ECE_BINS, len(ranks))), observed=True)
    points = bins.agg(predicted=("probability", "mean"), realized=(label_of(predictions), "mean"))
    top = max(points.max()) * 1.05
    axes.plot([0, top], [0, top], color=GRAY, linestyle="--", linewidth=1, label="perfect")
    axes.plot(points["predicted"], points["realized"], color=BLUE, marker="o", label="tenths of the deals")
    axes.legend(frameon=False)
    return as_png(figure)


def roc(predictions: pd.DataFrame) -> bytes:
    """Plot the ROC curve of each month and of all months pooled."""
    figure, axes = new_axes("ROC on the test months", "false positive rate", "true positive rate")
    axes.plot([0, 1], [0, 1], color=GRAY, linestyle="--", linewidth=1)
    label = label_of(predictions)
    parts = [(str(m), part) for m, part in predictions.groupby("snapshot_month", sort=True, observed=True)]
    for name, part in [*parts, (POOLED, predictions)]:
        if part[label].nunique() < 2:
            continue
        false, true, _ = roc_curve(part[label], part["probability"])
        bold = name == POOLED
        axes.plot(false, true, label=name, linewidth=2.5 if bold else 1, color=BLUE if bold else None)
    axes.legend(frameon=False)
    return as_png(figure)


def auc_by_month(by_month: dict[str, pd.DataFrame], split: Split) -> bytes:
    """Plot the walk-forward ROC AUC of each contender, from its `auc_of_months`, with shaded test months.

    A contender that gives all deals of a month the same probability, for example the seasonal rate, has 0.5.
    """
    figure, axes = new_axes("Walk-forward ROC AUC by month", "snapshot month", "ROC AUC")
    axes.axvspan(len(split.scored) - len(split.test) - 0.5, len(split.scored) - 0.5, color=GRAY, alpha=0.12)
    for name, scores in by_month.items():
        months = scores[scores["snapshot_month"] != POOLED]
        style = {"color": GRAY, "linestyle": "--"} if name == SEASONAL_RATE else {}
        axes.plot(months["snapshot_month"], months["roc_auc"], marker="o", label=name, **style)
    axes.legend(frameon=False, fontsize=8)
    return as_png(figure)


def expected_and_realized(predictions: pd.DataFrame) -> bytes:
    """Plot the sum of probabilities beside the number of won deals, by month."""
    figure, axes = new_axes("Expected and realized wins", "month", "deals")
    sums = predictions.groupby("snapshot_month", observed=True).agg(
        expected=("probability", "sum"), realized=(label_of(predictions), "sum")
    )
    places = range(len(sums))
    axes.bar([p - 0.2 for p in places], sums["expected"], width=0.4, color=BLUE, label="expected")
    axes.bar([p + 0.2 for p in places], sums["realized"], width=0.4, color=ORANGE, label="realized")
    axes.set_xticks(list(places), list(sums.index))
    axes.legend(frameon=False)
    return as_png(figure)


def top_features(strength: pd.Series, most: int = 12) -> bytes:
    """Plot the mean absolute contribution of the strongest features."""
    # Room for the longest name.
    figure, axes = new_axes("Top features", "mean absolute contribution", "", left=0.34)
    shown = strength[strength > 0].head(most)[::-1]
    axes.barh(list(shown.index), shown.to_numpy(), color=BLUE)
    return as_png(figure)


def search_history(values: Sequence[float | None]) -> bytes:
    """Plot the validation ROC AUC of each trial of a search and the best one so far; None for pruned ones."""
    figure, axes = new_axes("The search, trial by trial", "trial", "validation ROC AUC")
    found = [(number, value) for number, value in enumerate(values) if value is not None]
    numbers, aucs = [number for number, _ in found], [value for _, value in found]
    axes.scatter(numbers, aucs, s=14, color=GRAY, label="complete trials")
    axes.step(numbers, list(accumulate(aucs, max)), where="post", color=BLUE, label="best so far")
    axes.axhline(aucs[0], color=ORANGE, linestyle="--", linewidth=1, label="without a search")
    axes.legend(frameon=False, fontsize=8)
    return as_png(figure)


def parameter_importance(weights: pd.Series) -> bytes:
    """Plot the share of the differences between trials that each parameter explains, 0 to 1."""
    figure, axes = new_axes(
        "Which parameters matter", "share of the differences between trials", "", left=0.28
    )
    shown = weights.sort_values()
    axes.barh(list(shown.index), shown.to_numpy(), color=BLUE)
    return as_png(figure)


def leak_evidence(trace: Trace) -> bytes:
    """Plot what the months of engagement have of a level, and what rewriting at closing predicts."""
    figure, axes = new_axes(
        f"{trace.column}: {trace.level}", "month of engagement", "share of the month's deals"
    )
    months = trace.months
    deals = months[[f"{name}_deals" for name in STATUSES]].sum(axis=1)
    place = range(len(months))
    start, written = months["if_there_from_the_start"], months["if_written_at_closing"]
    axes.plot(place, start, color=GRAY, linestyle="--", linewidth=1.5, label="if there from the start")
    axes.plot(place, written, color=ORANGE, linewidth=2.5, label="if written at closing")
    axes.plot(place, months["share"], color=BLUE, linewidth=1, alpha=0.6)
    axes.scatter(
        place, months["share"], s=12 + 60 * deals / deals.max(), color=BLUE, zorder=3, label="the months"
    )
    axes.set_xticks(list(place), [month[5:] for month in months["month"]])
    axes.set_xlabel(f"month of engagement, {months['month'].iloc[0]} to {months['month'].iloc[-1]}")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    top = max(months["share"].max(), written.max())
    axes.set_ylim(min(0.0, float(written.min()) * 1.05), top * 1.25)
    said = "cannot be told" if pd.isna(trace.slope) else f"{trace.slope:.2f} ± {trace.error:.2f}"
    closed = f", closed for {trace.window.delay} days" if trace.window.delay else ""
    closed += f", closed in the last {trace.window.within} days" if trace.window.within else ""
    axes.legend(
        frameon=False,
        ncols=3,
        loc="upper center",
        fontsize=8,
        title=f"slope {said}{closed}",
        title_fontsize=8,
    )
    return as_png(figure)


def new_axes(title: str, x: str, y: str, left: float = 0.13):  # noqa: ANN201
    """Return a figure and its axes, in the one style of all plots."""
    # Avoid pyplot: no global state, nothing to close, safe in threads. Fixed margins, since automatic
    # layouts draw every text twice.
    figure = Figure(figsize=(6.4, 4), dpi=110)
    axes = figure.subplots(gridspec_kw={"left": left, "right": 0.97, "bottom": 0.13, "top": 0.91})
    axes.set(xlabel=x, ylabel=y)
    bare(axes, title)
    return figure, axes


def bare(axes: Axes, title: str) -> None:
    """Give axes their title, and take away what says nothing."""
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)


def as_png(figure: Figure) -> bytes:
    """Return a figure as PNG, the same bytes for the same data."""
    buffer = io.BytesIO()
    # No creation date or version: the same data gives the same bytes.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
