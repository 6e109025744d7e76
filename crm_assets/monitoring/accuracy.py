"""What was forecast for a month, by whom, and what came: the table `forecast_accuracy`.

It takes predictions as they were stored and never makes any. `monitoring.outcome` says what came.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.insight.overrides import DEAL_SUBJECT, OVERRIDES
from crm_assets.modeling.forecast import PARTS
from crm_assets.modeling.metrics import equal_parts, scores
from crm_assets.modeling.outlook.cells import ALL_DEALS, TOTAL
from crm_assets.modeling.outlook.past import MEASURES
from crm_assets.modeling.outlook.walk import column_of
from crm_assets.modeling.training_rows import DEAL
from crm_assets.monitoring.estimate import of_predictions, wins_interval
from crm_assets.monitoring.outcome import Outcome
from crm_assets.monitoring.tables import (
    BRIER,
    CATEGORY,
    CRM_CATEGORY,
    CRM_PROBABILITY,
    DECILE,
    ECE,
    ESTIMATE,
    FORECAST_ACCURACY,
    LATER,
    MODEL,
    OPEN_WINS,
    OVERRIDDEN,
    OVERRIDE,
    PLACE,
    REVENUE,
    ROC_AUC,
    SEASON,
    THEN,
    WIN_RATE,
)


@dataclass(frozen=True)
class Stored:
    """What was stored at a month's end, of one horizon.

    Attributes:
        predictions: columns of `crm.tables.WIN_PREDICTIONS`.
        forecast: columns of `crm.tables.REVENUE_FORECAST`, of any horizons.
        then: whether both were stored while nobody knew what would come.
        estimate: columns of `PERFORMANCE_ESTIMATE`, as it was made then; None to make it now. There is one of
            the next month only.
        crm: the CRM's own numbers as a dump recorded them then: `opportunity_id` and those of
            `crm_probability` and `forecast_category` that it has; empty if no dump did.
        overrides: columns of `insight.overrides.OVERRIDES` for the month; the newest of each author.
    """

    predictions: pd.DataFrame
    forecast: pd.DataFrame
    then: bool = False
    estimate: pd.DataFrame | None = None
    crm: pd.DataFrame = field(default_factory=pd.DataFrame)
    overrides: pd.DataFrame = field(default_factory=OVERRIDES.arrow.empty_table().to_pandas)


def said_and_came(stored: Stored, outcome: Outcome) -> pd.DataFrame:
    """Return what was said about a month, by the model and by others, beside what came.

    Args:
        stored: what was stored when it was said.
        outcome: what came.

    Returns:
        Columns of `FORECAST_ACCURACY`, sorted by its key; empty if there was no prediction of this horizon.
    """
    chance = stored.predictions.get(column_of(outcome.target))
    if chance is None or chance.isna().all():
        return pd.DataFrame(columns=pd.Index(FORECAST_ACCURACY.names))
    parts = [totals(stored.forecast, outcome), _of_deals(stored, outcome)]
    rows = pd.concat([part for part in parts if len(part)])
    made = stored.predictions.iloc[0]
    rows = rows.assign(
        forecast_month=outcome.month,
        snapshot_month=outcome.said_in,
        horizon_months=outcome.target.months,
        stored=THEN if stored.then else LATER,
        **{name: made[name] for name in ("scored_by", "algorithm", "model_version")},
    )
    return rows.reindex(columns=FORECAST_ACCURACY.names).sort_values(
        list(FORECAST_ACCURACY.key), ignore_index=True
    )


def totals(forecast: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    """Return wins and revenue of a month by level and name: forecast, came, and the season's.

    Args:
        forecast: columns of `crm.tables.REVENUE_FORECAST`; the rows of the outcome's horizon count.
        outcome: what came.

    Returns:
        `level`, `name`, `measure`, `by`, `said`, `lower`, `upper`, `came`, `deals`, `inside`, `bias`; the
        total also by part. A name that only one of the forecast and the outcome knows has 0 in the other; of
        a level that the forecast does not have, nothing was said.
    """
    said = forecast[forecast["horizon_months"] == outcome.target.months]
    came = outcome.came().rename(columns=lambda name: name if name in PLACE else f"came_{name}")
    both = said.merge(came, how="outer", on=list(PLACE))
    both = both[both["open_deals"].notna() | (both[[f"came_{TOTAL}_{m}" for m in MEASURES]] > 0).any(axis=1)]
    season = outcome.season()
    rows = []
    for part, column in PARTS.items():
        some = both if part == TOTAL else both[both["level"] == TOTAL]
        for measure in MEASURES:
            name = f"{column}_{measure}"
            table = some[list(PLACE)].assign(
                measure=measure_of(part, measure),
                by=MODEL,
                said=some[name].mask(some[name].isna() & some["level"].isin(said["level"]), 0.0),
                lower=some[f"{name}_low"],
                upper=some[f"{name}_high"],
                came=some[f"came_{part}_{measure}"].fillna(0.0),
                deals=some["open_deals"].fillna(0).astype("int64"),
            )
            rows.append(table)
            if season is not None and part == TOTAL:
                before = some[list(PLACE)].merge(season, how="left", on=list(PLACE))[f"{part}_{measure}"]
                nothing = dict.fromkeys(("lower", "upper"), np.nan)
                rows.append(table.assign(by=SEASON, said=before.fillna(0.0).to_numpy(), **nothing))
    return judged(pd.concat(rows, ignore_index=True))


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Add to rows of `said`, `lower`, `upper` and `came` whether what came lies inside, and the bias."""
    low, high, came = rows["lower"], rows["upper"], rows["came"]
    inside = ((low <= came) & (came <= high)).astype("boolean").mask(low.isna() | high.isna() | came.isna())
    return rows.assign(inside=inside, bias=(rows["said"] - came) / came.where(came > 0))


def measure_of(part: str, measure: str) -> str:
    """Return the name of a part's measure.

    >>> measure_of("total", "wins"), measure_of("open", "wins")
    ('wins', 'wins_of_open_deals')
    """
    return measure + {TOTAL: "", "open": "_of_open_deals", "new": "_of_new_business"}[part]


def _of_deals(stored: Stored, outcome: Outcome) -> pd.DataFrame:
    """Return what was said about single deals: how they were ranked, and how often a chance came true."""
    deals = stored.predictions[[DEAL]].assign(probability=stored.predictions[column_of(outcome.target)])
    deals = deals.assign(won=outcome.of_deals(deals[DEAL])).dropna(subset=["probability", "won"])
    if deals.empty:
        return pd.DataFrame()
    chance = deals["probability"].to_numpy(dtype="float64")
    won = deals["won"].to_numpy()
    came = scores(won, chance)
    rows = [_row(MODEL, measure, came=came[measure], deals=len(deals)) for measure in (ROC_AUC, BRIER, ECE)]
    rows += (
        []
        if outcome.target != DEFAULT_TARGET
        else [
            _row(
                ESTIMATE,
                one["measure"],
                said=one["said"],
                lower=one["lower"],
                upper=one["upper"],
                came=came.get(one["measure"], came["realized_wins"]),
                deals=one["deals"],
            )
            for one in _estimate(stored, outcome).to_dict("records")
        ]
    )
    rows += _deciles(chance, won)
    rate = outcome.seasonal_rate()
    if rate is not None:
        rows += _of_probabilities(SEASON, np.full(len(won), rate), won)
    rows += _of_crm(stored.crm, deals)
    rows += _of_people(stored, outcome, deals)
    return judged(pd.DataFrame(rows))


def _estimate(stored: Stored, outcome: Outcome) -> pd.DataFrame:
    """Return the estimate of the next month, as it was made then or as it is made now."""
    if stored.estimate is None or stored.estimate.empty:
        return of_predictions(stored.predictions, outcome.said_in)
    return stored.estimate


def _row(
    by: str, measure: str, level: str = TOTAL, name: str = ALL_DEALS, **figures: float
) -> dict[str, object]:
    unknown = dict.fromkeys(("said", "lower", "upper", "came"), float("nan"))
    return {"level": level, "name": name, "measure": measure, "by": by, **unknown, **figures}


def _deciles(chance: np.ndarray, won: np.ndarray) -> Iterator[dict[str, object]]:
    for number, part in enumerate(equal_parts(chance), start=1):
        fewest, most = wins_interval(chance[part])
        yield _row(
            MODEL,
            WIN_RATE,
            DECILE,
            f"{number:02d}",
            said=float(chance[part].mean()),
            lower=fewest / len(part),
            upper=most / len(part),
            came=float(won[part].mean()),
            deals=len(part),
        )


def _of_probabilities(by: str, chance: np.ndarray, won: np.ndarray) -> Iterator[dict[str, object]]:
    """Yield how somebody else's probabilities of the deals turned out."""
    came = scores(won, chance)
    for measure in (ROC_AUC, BRIER, ECE):
        yield _row(by, measure, came=came[measure], deals=len(won))
    yield _row(by, OPEN_WINS, said=float(chance.sum()), came=float(won.sum()), deals=len(won))


def _of_crm(crm: pd.DataFrame, deals: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Yield how the CRM's own probabilities and forecast categories of the deals turned out."""
    there = deals.merge(crm, on=DEAL) if len(crm) else deals
    if CRM_PROBABILITY in there:
        some = there.dropna(subset=CRM_PROBABILITY)
        if len(some):
            chance = some[CRM_PROBABILITY].to_numpy(dtype="float64")
            yield from _of_probabilities(CRM_PROBABILITY, chance, some["won"].to_numpy())
    if CATEGORY in there:
        for name, some in there.groupby(CATEGORY, observed=True):
            came, n = float(some["won"].mean()), len(some)
            yield _row(CRM_CATEGORY, WIN_RATE, CATEGORY, str(name), came=came, deals=n)
            said = float(some["probability"].mean())
            yield _row(MODEL, WIN_RATE, CATEGORY, str(name), said=said, came=came, deals=n)


def _of_people(stored: Stored, outcome: Outcome, deals: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Yield how people's own numbers turned out, and the model's of the same deals."""
    rows = beside_overrides(stored.overrides, stored.predictions, stored.forecast, outcome)
    rows = rows.drop_duplicates(["subject", "name"], keep="last")
    teams = rows[rows["subject"] != DEAL_SUBJECT]
    for row in teams.to_dict("records"):
        yield _row(
            OVERRIDE,
            REVENUE,
            str(row["subject"]),
            str(row["name"]),
            said=row["number"],
            came=row["came"],
            deals=0,
        )
    own = rows[rows["subject"] == DEAL_SUBJECT].dropna(subset=["model", "came"])
    if len(own):
        for by, column in ((OVERRIDE, "number"), (OVERRIDDEN, "model")):
            chance, won = own[column].to_numpy(dtype="float64"), own["came"].to_numpy(dtype="float64")
            yield _row(by, BRIER, came=scores(won, chance)[BRIER], deals=len(own))
            yield _row(by, OPEN_WINS, said=float(chance.sum()), came=float(won.sum()), deals=len(own))


def beside_overrides(
    overrides: pd.DataFrame, predictions: pd.DataFrame, forecast: pd.DataFrame, outcome: Outcome
) -> pd.DataFrame:
    """Return people's own numbers for a month beside the model's and what came.

    Args:
        overrides: columns of `insight.overrides.OVERRIDES`, those for the outcome's month.
        predictions: columns of `crm.tables.WIN_PREDICTIONS`, of the month before.
        forecast: columns of `crm.tables.REVENUE_FORECAST`, of the month before.
        outcome: what came.

    Returns:
        The rows with `model` and `came`: of a deal the chance, and 1 or 0; else revenue. Null if the model
        said nothing.
    """
    if overrides.empty:
        return overrides.assign(model=[], came=[])
    of_deals = overrides["subject"] == DEAL_SUBJECT
    chance = predictions.set_index(DEAL)["probability"]
    revenue = totals(forecast, outcome).query("by == @MODEL and measure == @REVENUE").set_index(list(PLACE))
    places = pd.MultiIndex.from_frame(overrides[["subject", "name"]])
    model, came = (revenue[name].reindex(places).to_numpy() for name in ("said", "came"))
    return overrides.assign(
        model=np.where(of_deals, chance.reindex(overrides["name"]).to_numpy(), model),
        came=np.where(of_deals, outcome.of_deals(overrides["name"]), came),
    )
