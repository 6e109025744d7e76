"""The metrics of the pipeline for Prometheus: every name once, and what the stored tables say.

Names follow https://prometheus.io/docs/practices/naming: base units, moments as seconds since 1970, no ages.
No label holds a name from the CRM's deals, and only the newest months have series: their number is bounded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pandas as pd

from crm_assets.crm.months import month_end, shift
from crm_assets.crm.tables import METRIC_COLUMNS
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.modeling.metrics import METRICS as SCORES
from crm_assets.modeling.outlook.cells import TOTAL
from crm_assets.monitoring.tables import BRIER, ECE, MODEL, REVENUE, ROC_AUC, SEASON, WINS, of_horizon

# How many of the newest months have series of their own.
MONTHS = 24
RUNS, TABLES, REGISTRY, EXPORTER = "runs", "tables", "registry", "exporter"


@dataclass(frozen=True)
class Metric:
    """A metric; all are gauges, since they tell what is stored now.

    Attributes:
        name: its name in Prometheus.
        about: what it says, in a sentence.
        part: what it is read from.
        labels: the names of its labels.
    """

    name: str
    about: str
    part: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """A value of a metric, with the values of its labels in their order."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


ASSET_SUCCESS = Metric(
    "crm_asset_last_success_timestamp_seconds",
    "When the asset, or a month of it, was last materialized.",
    RUNS,
    ("asset", "month"),
)
ASSET_ROWS = Metric(
    "crm_asset_rows", "Rows of the asset, or of a month of it, then.", RUNS, ("asset", "month")
)
RUN_END = Metric("crm_run_last_end_timestamp_seconds", "When a run last ended this way.", RUNS, ("status",))
RUNS_UNDER_WAY = Metric("crm_runs_in_progress", "Runs that are queued or under way.", RUNS)

LIVE = Metric("crm_calendar_open", "1 if the months grow with the calendar, else 0.", TABLES)
DATA_KNOWN = Metric(
    "crm_data_known_until_timestamp_seconds", "End of the last day that the newest dump shows.", TABLES
)
PREDICTED = Metric(
    "crm_predictions_month_end_timestamp_seconds", "End of the newest month with predictions.", TABLES
)
QUALITY = Metric(
    "crm_table_quality_ratio", "Share of the table's rows that break no rule.", TABLES, ("table",)
)
QUARANTINED = Metric("crm_quarantined_rows", "Quarantined rows of the newest dump.", TABLES, ("table",))

# What is forecast, and the scores that people watch; each has metrics of its own, since units differ.
MEASURES, SHOWN = (WINS, REVENUE), (ROC_AUC, BRIER, ECE)
BOUNDS = {"expected": "", "low": "_low", "high": "_high"}
ABOUT = {name: f"{text[0].upper()}{text[1:]}" for name, text, _ in METRIC_COLUMNS}

FORECAST = {
    name: Metric(
        f"crm_forecast_{name}",
        f"Expected {name} of the next month by the newest forecast, and the ends of the 80 % interval.",
        TABLES,
        ("bound",),
    )
    for name in MEASURES
}
SAID = {
    name: Metric(
        f"crm_month_said_{name}", f"Expected {name} of a month that is over.", TABLES, ("month", "by")
    )
    for name in MEASURES
}
CAME = {
    name: Metric(f"crm_month_came_{name}", f"Actual {name} of that month.", TABLES, ("month",))
    for name in MEASURES
}
LAST_ERROR = {
    name: Metric(
        f"crm_last_month_{name}_error_ratio",
        f"(said - came) / came of the {name} of the newest month that is over.",
        TABLES,
        ("by",),
    )
    for name in MEASURES
}
MONTH_SCORE = {
    name: Metric(
        f"crm_month_{name}", f"{ABOUT[name]}: predictions for a month that is over.", TABLES, ("month", "by")
    )
    for name in SHOWN
}
LAST_SCORE = {
    name: Metric(
        f"crm_last_month_{name}",
        f"{ABOUT[name]}: predictions for the newest month that is over.",
        TABLES,
        ("by",),
    )
    for name in SHOWN
}
DRIFTED = Metric(
    "crm_month_drifted_columns",
    "Columns of the month that drifted, without those that only follow another one.",
    TABLES,
    ("month",),
)
ESTIMATED = {
    name: Metric(
        f"crm_estimated_{name}",
        f"{ABOUT[name]}: to expect of the newest predictions, by their probabilities alone.",
        TABLES,
        ("bound",),
    )
    for name in (ROC_AUC, BRIER)
}

CHAMPION = Metric(
    "crm_champion_info",
    "Always 1; the labels say which version is champion.",
    REGISTRY,
    ("version", "algorithm"),
)
CHAMPION_SINCE = Metric(
    "crm_champion_registered_timestamp_seconds", "When the champion was registered.", REGISTRY
)
CHAMPION_TRAINED = Metric(
    "crm_champion_trained_until_timestamp_seconds",
    "End of the last month whose outcomes the champion has learned.",
    REGISTRY,
)
CHAMPION_LIMIT = Metric(
    "crm_champion_age_limit_seconds",
    "How long ago that month may end before the champion counts as too old (CRM_CHAMPION_MAX_AGE).",
    REGISTRY,
)
CHAMPION_SCORE = {
    name: Metric(f"crm_champion_test_{name}", f"{ABOUT[name]}: the champion on its test months.", REGISTRY)
    for name in SCORES
}

UP = Metric("crm_exporter_up", "1 if this part could be read, else 0.", EXPORTER, ("part",))
READ_SECONDS = Metric(
    "crm_exporter_read_duration_seconds", "How long reading this part took.", EXPORTER, ("part",)
)
READ_AT = Metric("crm_exporter_last_read_timestamp_seconds", "When the values were read.", EXPORTER)

METRICS: tuple[Metric, ...] = tuple(
    metric
    for value in vars().copy().values()
    for metric in (value.values() if isinstance(value, dict) else (value,))
    if isinstance(metric, Metric)
)


def newest(months: Iterable[str]) -> list[str]:
    """Return the months that have series, in order."""
    return sorted(set(months))[-MONTHS:]


def end_of(month: str) -> float:
    """Return the end of a month in seconds since 1970, in UTC.

    >>> datetime.fromtimestamp(end_of("2017-11"), UTC).isoformat()
    '2017-12-01T00:00:00+00:00'
    """
    return end_of_day(month_end(month))


def end_of_day(day: date) -> float:
    """Return the end of a day in seconds since 1970, in UTC."""
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)).timestamp()


def of_quality(scores: pd.DataFrame) -> Iterator[Sample]:
    """Yield the quality of tables; columns of `crm.tables.DATA_QUALITY`."""
    for row in scores.to_dict("records"):
        yield Sample(QUALITY, (row["table"],), row["score"])


def of_quarantine(tables: pd.Series, known: Iterable[str]) -> Iterator[Sample]:
    """Yield how many rows of each table are quarantined; 0 for a table without.

    Args:
        tables: the column `table` of `quarantined_rows`, one value per row that was set aside.
        known: all tables that rows can be set aside from.
    """
    counts = tables.value_counts()
    for name in known:
        yield Sample(QUARANTINED, (name,), float(counts.get(name, 0)))


def of_forecast(forecast: pd.DataFrame) -> Iterator[Sample]:
    """Yield the totals of a month's forecast; columns of `crm.tables.REVENUE_FORECAST`."""
    own = (forecast["level"] == TOTAL) & (forecast["horizon_months"] == DEFAULT_TARGET.months)
    for row in forecast[own].to_dict("records"):
        for measure, metric in FORECAST.items():
            for bound, ending in BOUNDS.items():
                yield from _known(metric, (bound,), row[f"total_{measure}{ending}"])


def of_accuracy(accuracy: pd.DataFrame) -> Iterator[Sample]:
    """Yield what was said and what came, month by month; columns of `FORECAST_ACCURACY`."""
    rows = of_horizon(accuracy)
    rows = rows[(rows["level"] == TOTAL) & rows["by"].isin((MODEL, SEASON))]
    months = newest(rows["forecast_month"])
    for row in rows[rows["forecast_month"].isin(months)].to_dict("records"):
        month, measure, by = row["forecast_month"], row["measure"], row["by"]
        last = month == months[-1]
        if measure in MEASURES:
            yield from _known(SAID[measure], (month, by), row["said"])
            if by == MODEL:
                yield from _known(CAME[measure], (month,), row["came"])
            if last:
                yield from _known(LAST_ERROR[measure], (by,), row["bias"])
        elif measure in SHOWN:
            yield from _known(MONTH_SCORE[measure], (month, by), row["came"])
            if last:
                yield from _known(LAST_SCORE[measure], (by,), row["came"])


def of_estimate(estimate: pd.DataFrame) -> Iterator[Sample]:
    """Yield the estimates of the newest month; columns of `PERFORMANCE_ESTIMATE`."""
    rows = estimate[estimate["snapshot_month"] == estimate["snapshot_month"].max()]
    for row in rows[rows["measure"].isin(ESTIMATED)].to_dict("records"):
        for bound, column in zip(BOUNDS, ("said", "lower", "upper"), strict=True):
            yield from _known(ESTIMATED[row["measure"]], (bound,), row[column])


def of_drift(report: pd.DataFrame) -> Iterator[Sample]:
    """Yield how many columns drifted, by month; columns of `DRIFT_REPORT`."""
    for month, rows in report.groupby("snapshot_month", sort=True):
        drifted = rows.loc[rows["flagged"] & rows["follows"].isna(), "column"]
        yield Sample(DRIFTED, (str(month),), float(drifted.nunique()))


def of_champion(
    version: str, tags: Mapping[str, str], registered: float, until: str, max_age: int
) -> Iterator[Sample]:
    """Yield what the registry says of the champion.

    Args:
        version: its number.
        tags: its tags.
        registered: when it was registered, in seconds since 1970.
        until: the last month whose outcomes it has learned.
        max_age: how many months of known outcomes it may lack.
    """
    yield Sample(CHAMPION, (version, tags.get("algorithm", "")), 1.0)
    yield Sample(CHAMPION_SINCE, (), registered)
    yield Sample(CHAMPION_TRAINED, (), end_of(until))
    # The outcomes of a month are known when it is over: one more month for the one that is not.
    yield Sample(CHAMPION_LIMIT, (), end_of(shift(until, max_age + 1)) - end_of(until))
    for score, metric in CHAMPION_SCORE.items():
        if (value := tags.get(f"test_{score}")) is not None:
            yield from _known(metric, (), float(value))


def _known(metric: Metric, labels: tuple[str, ...], value: float | None) -> Iterator[Sample]:
    if value is not None and not math.isnan(value):
        yield Sample(metric, labels, float(value))
