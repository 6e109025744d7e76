"""What people read about forecasts and outcomes: from the stored tables, in somebody's scope."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from crm_assets.crm.tables import MONTHLY_SNAPSHOTS
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.insight.overrides import overrides
from crm_assets.insight.reading import Reader
from crm_assets.modeling.frames import coded
from crm_assets.modeling.outlook.cells import TOTAL
from crm_assets.modeling.outlook.history import LEVELS, History, needed
from crm_assets.modeling.outlook.past import MEASURES
from crm_assets.modeling.training_rows import DEAL
from crm_assets.monitoring.accuracy import Stored, beside_overrides, totals
from crm_assets.monitoring.outcome import Outcome
from crm_assets.monitoring.tables import MODEL

# Classes of predicted chances that people can tell apart.
EDGES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)


def outcomes(reader: Reader) -> Iterator[Outcome]:
    """Yield what came in each month with a forecast, as far as it is over and the scope shows it."""
    months = reader.months()
    if not months:
        return
    last = months[-1]
    deals = reader.scope.of_deals(reader.store.read(MONTHLY_SNAPSHOTS.name, [last]))
    history = History.of(coded(needed(deals).to_pyarrow()), last)
    for month in months:
        predicted = DEFAULT_TARGET.last_month(month)
        if predicted <= last:
            yield Outcome(history, predicted)


def said_and_came(reader: Reader) -> dict[str, pd.DataFrame]:
    """Return the forecast of each month beside what was won then, for the total and each level.

    Months whose outcome is not known yet are left out. What came is read from the newest snapshot.

    Args:
        reader: the stored tables, in somebody's scope.

    Returns:
        By `total` and level of `revenue_forecast` one row per month and name: `forecast_month`, `name`,
        `expected_wins`, `actual_wins`, `expected_revenue`, `actual_revenue`, and the ends of the forecast's
        intervals.

    Raises:
        StorageError: a table is missing or damaged.
    """
    parts: dict[str, list[pd.DataFrame]] = {level: [] for level in (TOTAL, *LEVELS)}
    for outcome in outcomes(reader):
        rows = totals(reader.forecast_as_said(outcome.said_in), outcome)
        rows = rows[(rows["by"] == MODEL) & rows["measure"].isin(MEASURES)]
        for level, found in parts.items():
            found.append(_wide(_of_level(rows, reader, level)).assign(forecast_month=outcome.month))
    return {
        level: pd.concat(found, ignore_index=True) if found else pd.DataFrame()
        for level, found in parts.items()
    }


def _of_level(rows: pd.DataFrame, reader: Reader, level: str) -> pd.DataFrame:
    if level != TOTAL:
        return rows[rows["level"] == level]
    own = rows[rows["level"] == (TOTAL if reader.scope.everything else reader.scope.level.value)]
    if len(own) <= len(MEASURES):
        return own.assign(name="")
    # The intervals of several names do not add up.
    sums = own.groupby("measure", as_index=False)[["said", "came"]].sum()
    return sums.assign(name="", lower=float("nan"), upper=float("nan"))


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per name with the columns that pages show."""
    titles = {
        "said": "expected_{}",
        "came": "actual_{}",
        "lower": "expected_{}_low",
        "upper": "expected_{}_high",
    }
    parts = [
        rows[rows["measure"] == measure]
        .set_index("name")[list(titles)]
        .rename(columns={column: title.format(measure) for column, title in titles.items()})
        for measure in MEASURES
    ]
    return pd.concat(parts, axis=1).rename_axis("name").reset_index()


def bias(rows: pd.DataFrame) -> pd.DataFrame:
    """Return by name how much more was forecast than came, over all months.

    Args:
        rows: what `said_and_came` returns for a level.

    Returns:
        Columns `name`, `months`, the sums of what was expected and of what came, and `bias_wins` and
        `bias_revenue`: (expected - actual) / actual, null if nothing came.
    """
    if rows.empty:
        return rows
    sums = rows.groupby("name", as_index=False).agg(
        months=("forecast_month", "nunique"),
        **{f"{kind}_{m}": (f"{kind}_{m}", "sum") for m in MEASURES for kind in ("expected", "actual")},
    )
    for measure in MEASURES:
        actual = sums[f"actual_{measure}"]
        sums[f"bias_{measure}"] = (sums[f"expected_{measure}"] - actual) / actual.where(actual > 0)
    return sums


def calibration(reader: Reader) -> pd.DataFrame:
    """Return by class of predicted chance: deals, mean prediction, and the share that was won.

    It covers all stored months whose outcome is known; past months were scored by models that had not seen
    them.

    Returns:
        Columns `chance`, `deals`, `predicted`, `won`; classes without deals are left out.
    """
    parts = []
    for outcome in outcomes(reader):
        rows = reader.predictions_as_said(outcome.said_in)[[DEAL, "probability"]]
        parts.append(rows.assign(won=outcome.of_deals(rows[DEAL])).dropna(subset="won"))
    if not parts:
        return pd.DataFrame()
    rows = pd.concat(parts, ignore_index=True)
    classes = pd.cut(rows["probability"], list(EDGES), include_lowest=True)
    found = rows.groupby(classes, observed=True).agg(
        deals=("probability", "size"), predicted=("probability", "mean"), won=("won", "mean")
    )
    names = [f"{100 * max(0, one.left):.0f} to {100 * one.right:.0f} %" for one in found.index]
    return found.assign(chance=names).reset_index(drop=True)[["chance", "deals", "predicted", "won"]]


def judged(reader: Reader) -> pd.DataFrame:
    """Return people's own numbers whose month is over, beside the model's and what came.

    Returns:
        Columns of `overrides`, `model` and `came`: of a deal the chance and 1 or 0, else revenue.
    """
    rows = overrides(reader)
    if rows.empty:
        return rows.assign(model=[], came=[])
    parts = [
        beside_overrides(own, stored.predictions, stored.forecast, outcome)
        for outcome in outcomes(reader)
        if len(own := rows[rows["forecast_month"] == outcome.month])
        for stored in [stored_for(reader, outcome.said_in)]
    ]
    return pd.concat(parts, ignore_index=True) if parts else rows.iloc[:0].assign(model=[], came=[])


def stored_for(reader: Reader, month: str) -> Stored:
    """Return the predictions and the forecast that were made at a month's end, as they were said."""
    return Stored(reader.predictions_as_said(month), reader.forecast_as_said(month))
