"""The tables of this room that are stored: what they hold, column by column."""

from __future__ import annotations

import pandas as pd

from crm_assets.crm.deals import SNAPSHOT_MONTH
from crm_assets.crm.schema import Column, TableSchema
from crm_assets.crm.tables import WIN_PREDICTIONS
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.errors import StorageError

# Who said it.
MODEL, ESTIMATE, SEASON = "model", "estimate", "season"
CRM_PROBABILITY, CRM_CATEGORY, OVERRIDE, OVERRIDDEN = (
    "crm_probability",
    "crm_category",
    "override",
    "model_where_overridden",
)
# Beside the levels of the forecast: tenths of the deals by probability, and the CRM's forecast categories.
DECILE, CATEGORY = "decile", "forecast_category"
WINS, REVENUE, ROC_AUC, BRIER, ECE, WIN_RATE = "wins", "revenue", "roc_auc", "brier", "ece", "win_rate"
OPEN_WINS = "wins_of_open_deals"
THEN, LATER = "then", "later"
# What an estimate calls wins are those of the deals that were predicted.
OF_ESTIMATE = {WINS: OPEN_WINS}
PLACE = ("level", "name")
# The share of outcomes that an interval holds if the probabilities are right, as everywhere in the project.
COVERED = 0.80

_MADE = {column.name: column for column in WIN_PREDICTIONS.columns}

FORECAST_ACCURACY = TableSchema(
    name="forecast_accuracy",
    description="What was said about a month that is over, by whom, and what came.",
    key=("forecast_month", "horizon_months", "level", "name", "measure", "by"),
    columns=(
        Column(
            "forecast_month",
            "string",
            "The month that was forecast, YYYY-MM; of several months together, the last.",
            nullable=False,
        ),
        Column("snapshot_month", "string", f"{SNAPSHOT_MONTH.description} The forecast was made then."),
        Column(
            "horizon_months", "int64", "How many months were forecast together.", "months", nullable=False
        ),
        Column(
            "level",
            "string",
            "`total`, a level of `revenue_forecast`, `decile` (tenths of the deals by probability), or "
            "`forecast_category`.",
            nullable=False,
        ),
        Column("name", "string", "Name at the level; `01` is the tenth of the least likely deals."),
        Column(
            "measure",
            "string",
            "`wins`, `revenue`, each also `_of_open_deals` and `_of_new_business`; `roc_auc`, `brier` and "
            "`ece` of the probabilities of open deals; `win_rate`: the share of deals that was won.",
            nullable=False,
        ),
        Column(
            "by",
            "string",
            "Who said it: `model`; `estimate`, from the model's probabilities before any outcome was known; "
            "`season`, the same month of the last quarter, or the win rate of the place in the quarter; "
            "`crm_probability` and `crm_category`, the CRM's own; `override`, a person; "
            "`model_where_overridden`, the model on the same deals as that person.",
            nullable=False,
        ),
        Column("said", "float64", "What was said; null for a measure that only the outcome has."),
        Column("lower", "float64", "Lower end of the 80 % interval of what was said, if it has one."),
        Column("upper", "float64", "Its upper end."),
        Column("came", "float64", "What came."),
        Column("deals", "int64", "Open deals that it is about.", "deals"),
        Column("inside", "boolean", "Whether what came lies in the interval; null without interval."),
        Column("bias", "float64", "(said - came) / came; null if nothing came."),
        Column(
            "stored",
            "string",
            "`then`: the predictions were stored while nobody knew what came. `later`: nobody predicted the "
            "month then; a backfill did afterwards, without the outcomes, but with today's code and choice "
            "of algorithm.",
            nullable=False,
        ),
        *(_MADE[name] for name in ("scored_by", "algorithm", "model_version")),
    ),
)

PERFORMANCE_ESTIMATE = TableSchema(
    name="performance_estimate",
    description="How good the predictions of a month will turn out, from their probabilities alone: it "
    "cannot see that the relation between deals and outcomes has changed.",
    key=("snapshot_month", "measure"),
    columns=(
        SNAPSHOT_MONTH,
        Column("forecast_month", "string", "The month that is predicted, YYYY-MM.", nullable=False),
        Column("measure", "string", "`roc_auc`, `brier` or `wins_of_open_deals`.", nullable=False),
        Column("said", "float64", "What to expect if the probabilities are right."),
        Column("lower", "float64", "Lower end of the 80 % interval of what will come, if they are."),
        Column("upper", "float64", "Its upper end."),
        Column("deals", "int64", "Deals that were predicted.", "deals", nullable=False),
        *(_MADE[name] for name in ("scored_by", "algorithm", "model_version")),
    ),
)


def of_horizon(rows: pd.DataFrame, months: int = DEFAULT_TARGET.months) -> pd.DataFrame:
    """Return the rows of `FORECAST_ACCURACY` about so many months together; by default about one month.

    Raises:
        StorageError: an older release stored them, and did not say how many months they are about.
    """
    if "horizon_months" not in rows.columns:
        raise StorageError(
            f"{FORECAST_ACCURACY.name} was stored by an older release, which judged one month at a time: run "
            "make monitor without MONTH, which judges all months again."
        )
    return rows[rows["horizon_months"] == months]
