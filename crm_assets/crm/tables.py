"""The tables that the graph makes from raw data, with their columns."""

from __future__ import annotations

from crm_assets.crm.deal_feature_table import DEAL_FEATURES
from crm_assets.crm.deals import DIMENSIONS, MONTHLY_SNAPSHOTS, OPPORTUNITIES, OPPORTUNITY_ID, SNAPSHOT_MONTH
from crm_assets.crm.feature_table import FEATURES, LABEL, LABELS
from crm_assets.crm.schema import SOURCE_ROW, Column, TableSchema
from crm_assets.crm.targets import TARGETS

__all__ = (
    "BACKTEST",
    "CHAMPION",
    "CURRENT_PREDICTIONS",
    "DATA_QUALITY",
    "DEAL_FEATURES_TABLE",
    "LEAK_AUDIT",
    "MONTHLY_SNAPSHOTS",
    "OPPORTUNITIES",
    "OPPORTUNITY_ID",
    "QUALITY_SCORES",
    "QUARANTINED_ROWS",
    "REVENUE_FORECAST",
    "SNAPSHOT_MONTH",
    "TRAINING_SET",
    "WIN_FEATURES",
    "WIN_PREDICTIONS",
)

QUARANTINED_ROWS = TableSchema(
    name="quarantined_rows",
    description="Quarantined rows of the CRM's files: one row for each rule that a row breaks.",
    key=("table", "source_row", "rule", "column"),
    columns=(
        Column(
            "table",
            "string",
            "Raw table that the row was left out of, for example `raw_accounts`.",
            nullable=False,
        ),
        SOURCE_ROW,
        Column("rule", "string", "Short name of the rule that the row breaks.", nullable=False),
        Column("column", "string", "Column with the wrong value.", nullable=False),
        Column("value", "string", "Value in the file, unchanged.", nullable=False),
        Column("what", "string", "What is wrong with the value, for example `is negative`.", nullable=False),
        Column("remedy", "string", "How to fix it, in the imperative.", nullable=False),
        Column("row", "string", "The whole row as it is in the file, as JSON.", nullable=False),
    ),
)

WIN_FEATURES = TableSchema(
    name="win_features",
    description="One row per deal open at the month's end: the features and the labels.",
    key=("snapshot_month", "opportunity_id"),
    optional=tuple(feature.name for feature in FEATURES if feature.needs),
    columns=(SNAPSHOT_MONTH, OPPORTUNITY_ID, *FEATURES, *LABELS),
)

DEAL_FEATURES_TABLE = TableSchema(
    name="deal_features",
    description="One row per deal open at the month's end: features beyond the 23, from what the CRM has.",
    key=("snapshot_month", "opportunity_id"),
    optional=tuple(feature.name for feature in DEAL_FEATURES),
    columns=(SNAPSHOT_MONTH, OPPORTUNITY_ID, *DEAL_FEATURES),
)

TRAINING_SET = TableSchema(
    name="training_set",
    description="The labeled rows of win_features and deal_features, starting with the month before the "
    "first close.",
    key=WIN_FEATURES.key,
    optional=(*WIN_FEATURES.optional, *DEAL_FEATURES_TABLE.optional),
    columns=(*WIN_FEATURES.columns, *DEAL_FEATURES),
)

LEAK_AUDIT = TableSchema(
    name="leak_audit",
    description="One verdict per feature: does it reveal the outcome in a way that no date explains?",
    key=("feature",),
    columns=(
        Column("feature", "string", "Audited feature.", nullable=False),
        Column(
            "verdict",
            "string",
            "`admissible`; `inadmissible`: written at or after closing; `unproven`: tied to the outcome, but "
            "the months cannot tell since when; `absent`: the CRM does not have what it is made from.",
            nullable=False,
        ),
        Column("used", "boolean", "Whether the models use it.", nullable=False),
        Column("overruled", "boolean", "Whether settings overrule the verdict.", nullable=False),
        Column("reason", "string", "Why it is not admissible; empty if it is admissible."),
        Column(
            "column",
            "string",
            "Source column that decides its verdict or reveals most of the outcome.",
        ),
        Column(
            "level",
            "string",
            "The part of that column that does so: a value, missing, or all values together.",
        ),
        Column(
            "delay_days",
            "int64",
            "Only deals closed at least this many days before the horizon count as closed.",
            "days",
        ),
        Column(
            "within_days",
            "int64",
            "Only deals closed fewer days before the horizon count as closed; null: all.",
            "days",
        ),
        Column(
            "effect",
            "float64",
            "Largest difference in the share of the level between open, won and lost deals of a month; for "
            "all values together, in standard deviations.",
        ),
        Column(
            "slope",
            "float64",
            "How far the months' shares of the level follow their mix of open, won and lost deals: 0 for "
            "values known from the start, 1 for values written at closing; null if the months cannot tell.",
        ),
        Column("error", "float64", "Half the width of the slope's 95 % confidence interval."),
        Column(
            "fit",
            "float64",
            "Part of the difference between open, won and lost deals of a month that all months share.",
            "up to 1",
        ),
        Column("auc_without", "float64", "Validation ROC AUC without features from the column.", "0 to 1"),
        Column("auc_with", "float64", "Validation ROC AUC with them and all admissible features.", "0 to 1"),
        Column("brier_without", "float64", "Validation Brier score without them, lower is better.", "0 to 1"),
        Column("brier_with", "float64", "Validation Brier score with them.", "0 to 1"),
        Column("auc_closes_later", "float64", "ROC AUC within months against closing later.", "0 to 1"),
        Column("auc_won_against_lost", "float64", "ROC AUC within months of winners over losers.", "0 to 1"),
    ),
)

_OUTCOME = Column("won_next_month", "int64", LABEL.description, nullable=False)

BACKTEST = TableSchema(
    name="backtest",
    description="Walk-forward scores: each month is scored by a model that has seen only earlier months.",
    key=("snapshot_month", "opportunity_id"),
    columns=(
        SNAPSHOT_MONTH,
        OPPORTUNITY_ID,
        _OUTCOME,
        Column("probability", "float64", "Uncalibrated score.", "0 to 1", nullable=False),
        Column(
            "parameters",
            "string",
            "What the algorithm was built with, as JSON; absent if no search chose it.",
            nullable=False,
        ),
        Column("trials", "int64", "How many configurations that search tried.", nullable=False),
    ),
    optional=("parameters", "trials"),
)

METRIC_COLUMNS = (
    ("roc_auc", "Area under the ROC curve", "0 to 1"),
    ("brier", "Brier score, lower is better", "0 to 1"),
    ("log_loss", "Log loss, lower is better", "nats"),
    ("ece", "Expected calibration error, lower is better", "0 to 1"),
    ("expected_wins", "Sum of probabilities", "deals"),
    ("realized_wins", "Deals won", "deals"),
)

CHAMPION = TableSchema(
    name="champion",
    description="The leaderboard: algorithms and baselines on the same months, the chosen algorithm first.",
    key=("contender",),
    columns=(
        Column("contender", "string", "Algorithm or baseline.", nullable=False),
        Column("baseline", "boolean", "Whether it is a baseline that models must beat.", nullable=False),
        Column("chosen", "boolean", "Whether the candidate uses this algorithm.", nullable=False),
        Column("in_force", "boolean", "Whether it is the champion after the decision.", nullable=False),
        Column(
            "calibration",
            "string",
            "How its scores become probabilities: `none`, `platt`, `beta` or `isotonic`, as the validation "
            "months say; null for a former champion.",
        ),
        Column(
            "validation_roc_auc_se",
            "float64",
            "Standard error of the validation ROC AUC, by bootstrap over deals.",
            "0 to 1",
        ),
        *(
            Column(f"{part}_{name}", "float64", f"{text}; {months}.", unit)
            for part, months in (
                ("validation", "validation months, uncalibrated"),
                ("test", "test months, calibrated"),
            )
            for name, text, unit in METRIC_COLUMNS
        ),
    ),
)

_WHO_AND_WHAT = ("product", "sales_agent", "manager", "regional_office", "account")

WIN_PREDICTIONS = TableSchema(
    name="win_predictions",
    description="One row per open deal: the probability that it is won next month, and the reasons.",
    key=("snapshot_month", "opportunity_id"),
    optional=_WHO_AND_WHAT,
    columns=(
        SNAPSHOT_MONTH,
        OPPORTUNITY_ID,
        *(column for column in DIMENSIONS if column.name in _WHO_AND_WHAT),
        Column("days_open", "int64", "Month end minus engage date.", "days", nullable=False),
        Column("probability", "float64", "Probability of being won next month.", "0 to 1", nullable=False),
        *(
            Column(
                f"probability_{target.months}_months",
                "float64",
                f"Probability of being won within {target.months} months; null while no deal is closed.",
                "0 to 1",
            )
            for target in TARGETS
            if target.months > 1
        ),
        Column(
            "probability_ever",
            "float64",
            "Probability of ever being won; nothing can calibrate it while the deal is open. Null while no "
            "deal is closed.",
            "0 to 1",
        ),
        Column("expected_value", "float64", "Revenue of the deal if it is won.", "USD", nullable=False),
        Column("expected_revenue", "float64", "probability x expected_value.", "USD", nullable=False),
        Column("pushed_up", "pushes", "The three features that raise it most, strongest first."),
        Column("pushed_down", "pushes", "The three features that lower it most, strongest first."),
        Column(
            "scored_by",
            "string",
            "`champion`, or `walk_forward` for months that the champion was trained on: there the same "
            "algorithm, trained on earlier months, scores; `pooled_rate` if the data is not enough for a "
            "model; `seasonal_rate` if there is no champion and the candidate is worse than that.",
            nullable=False,
        ),
        Column("algorithm", "string", "Algorithm of the champion.", nullable=False),
        Column("model_version", "string", "Registered version of the champion.", nullable=False),
    ),
)

_PREDICTED = {column.name: column for column in WIN_PREDICTIONS.columns}

CURRENT_PREDICTIONS = TableSchema(
    name="current_predictions",
    description="One row per deal open on the day that `CRM_AS_OF` asks for: its chances to be won.",
    key=("opportunity_id",),
    optional=WIN_PREDICTIONS.optional,
    columns=(
        OPPORTUNITY_ID,
        Column("as_of", "string", "The day, YYYY-MM-DD.", nullable=False),
        *(_PREDICTED[name] for name in ("sales_agent", "manager", "regional_office", "product")),
        Column("days_open", "int64", "The day minus engage date.", "days", nullable=False),
        Column(
            "probability_this_month",
            "float64",
            "Probability of being won in the rest of the day's month; 0 on its last day.",
            "0 to 1",
            nullable=False,
        ),
        *(
            Column(
                "probability" if target.months == 1 else f"probability_{target.months}_months",
                "float64",
                f"Probability of being won by the end of month {target.months} after the day's.",
                "0 to 1",
                nullable=False,
            )
            for target in TARGETS
        ),
        Column("probability_ever", "float64", "Probability of ever being won.", "0 to 1", nullable=False),
    ),
)

_FORECAST_PARTS = (
    ("expected", "of the deals open now"),
    ("new", "of deals that are not open yet"),
    ("total", "of both together"),
)
_FORECAST_MEASURES = (("wins", "Wins", "deals"), ("revenue", "Revenue", "USD"))

REVENUE_FORECAST = TableSchema(
    name="revenue_forecast",
    description="Wins and revenue of the next months from open deals and from new business, in total and by "
    "agent, manager, region and product.",
    key=("snapshot_month", "horizon_months", "level", "name"),
    columns=(
        SNAPSHOT_MONTH,
        Column("forecast_month", "string", "Last month that is predicted, YYYY-MM.", nullable=False),
        Column(
            "horizon_months", "int64", "How many months are predicted together.", "months", nullable=False
        ),
        Column("level", "string", "total, sales_agent, manager, regional_office or product.", nullable=False),
        Column("name", "string", "Name of the agent, manager, region or product."),
        Column("open_deals", "int64", "Deals open at the month's end.", "deals", nullable=False),
        *(
            column
            for part, words in _FORECAST_PARTS
            for measure, text, unit in _FORECAST_MEASURES
            for column in (
                Column(f"{part}_{measure}", "float64", f"{text} {words}.", unit, nullable=False),
                Column(
                    f"{part}_{measure}_low",
                    "float64",
                    "Lower end of its 80 % interval; null if too few past months tell how far it strays.",
                    unit,
                ),
                Column(f"{part}_{measure}_high", "float64", "Upper end of its 80 % interval.", unit),
            )
        ),
    ),
)

_JUDGED = (
    Column("rows", "int64", "Rows that were checked.", "rows", nullable=False),
    Column("clean_rows", "int64", "Rows that break no rule.", "rows", nullable=False),
)
_TABLE = Column("table", "string", "Table that was checked.", nullable=False)

QUALITY_SCORES = TableSchema(
    name="quality_scores",
    description="How many rows of each table and month broke no rule at the last check.",
    key=("table", "month"),
    columns=(
        _TABLE,
        Column("month", "string", "Month, YYYY-MM; empty for a table without months.", nullable=False),
        *_JUDGED,
    ),
)

DATA_QUALITY = TableSchema(
    name="data_quality",
    description="The quality score of every table that has gates.",
    key=("table",),
    columns=(
        _TABLE,
        *_JUDGED,
        Column("score", "float64", "clean_rows divided by rows; 1 if there are no rows.", "0 to 1"),
    ),
)
