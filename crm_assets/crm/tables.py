"""The tables that the graph makes from raw data, column by column."""

from __future__ import annotations

from crm_assets.crm.deals import DIMENSIONS, MONTHLY_SNAPSHOTS, OPPORTUNITIES, OPPORTUNITY_ID, SNAPSHOT_MONTH
from crm_assets.crm.feature_table import FEATURES, LABEL, LABELS
from crm_assets.crm.schema import SOURCE_ROW, Column, TableSchema

__all__ = (
    "BACKTEST",
    "CHAMPION",
    "DATA_QUALITY",
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
    description="Rows of the CRM's files that were set aside: one row for each rule that a row breaks.",
    key=("table", "source_row", "rule", "column"),
    columns=(
        Column("table", "string", "Raw table that lacks the row, as in `raw_accounts`.", nullable=False),
        SOURCE_ROW,
        Column("rule", "string", "Short name of the rule that the row breaks.", nullable=False),
        Column("column", "string", "Column that is wrong.", nullable=False),
        Column("value", "string", "What the file has there, untouched.", nullable=False),
        Column("what", "string", "What is wrong with it, as in `is no number`.", nullable=False),
        Column("remedy", "string", "What to do, in the imperative.", nullable=False),
        Column(
            "row", "string", "The row's columns as the file has them, untouched, as JSON.", nullable=False
        ),
    ),
)

WIN_FEATURES = TableSchema(
    name="win_features",
    description="One row per deal open at the month's end: the features and the labels.",
    key=("snapshot_month", "opportunity_id"),
    columns=(SNAPSHOT_MONTH, OPPORTUNITY_ID, *FEATURES, *LABELS),
)

TRAINING_SET = TableSchema(
    name="training_set",
    description="The labeled rows of win_features, from the month before the first close on.",
    key=WIN_FEATURES.key,
    columns=WIN_FEATURES.columns,
)

LEAK_AUDIT = TableSchema(
    name="leak_audit",
    description="One verdict per feature: does it know the outcome in a way no date explains?",
    key=("feature",),
    columns=(
        Column("feature", "string", "Feature that is judged.", nullable=False),
        Column(
            "verdict",
            "string",
            "`admissible`; `inadmissible`: written at or after closing; `unproven`: tied to the outcome, and "
            "the months cannot tell since when.",
            nullable=False,
        ),
        Column("used", "boolean", "Whether the models use it.", nullable=False),
        Column("overruled", "boolean", "Whether settings overrule the verdict.", nullable=False),
        Column("reason", "string", "Why it is not admissible; empty where it is."),
        Column(
            "column",
            "string",
            "Column it is made from that decides its verdict, or says most of the outcome.",
        ),
        Column("level", "string", "What of that column does: a value, missing, or all values together."),
        Column(
            "delay_days",
            "int64",
            "Only what closed so many days before the horizon counts as closed.",
            "days",
        ),
        Column(
            "effect",
            "float64",
            "Largest difference between the shares that open, won and lost deals of a month have of the "
            "level; of all values together, in standard deviations.",
        ),
        Column(
            "slope",
            "float64",
            "How far the months' shares of the level follow their mix of open, won and lost deals: 0 for "
            "what was there from the start, 1 for what is written at closing; null where the months cannot "
            "tell.",
        ),
        Column("error", "float64", "Half the width of the slope's 95 % confidence interval."),
        Column(
            "fit",
            "float64",
            "How much of the differences between a month's open, won and lost deals is the same in all "
            "months.",
            "up to 1",
        ),
        Column("auc_without", "float64", "Validation ROC AUC without what comes from the column.", "0 to 1"),
        Column(
            "auc_with", "float64", "Validation ROC AUC with it, beside all admissible features.", "0 to 1"
        ),
        Column("brier_without", "float64", "Validation Brier score without it, lower is better.", "0 to 1"),
        Column("brier_with", "float64", "Validation Brier score with it.", "0 to 1"),
        Column("auc_closes_later", "float64", "ROC AUC within months against closing later.", "0 to 1"),
        Column("auc_won_against_lost", "float64", "ROC AUC within months of winners over losers.", "0 to 1"),
    ),
)

_OUTCOME = Column("won_next_month", "int64", LABEL.description, nullable=False)

BACKTEST = TableSchema(
    name="backtest",
    description="Walk-forward scores: each month by a model that has seen only the months before it.",
    key=("snapshot_month", "opportunity_id"),
    columns=(
        SNAPSHOT_MONTH,
        OPPORTUNITY_ID,
        _OUTCOME,
        Column("probability", "float64", "Uncalibrated score.", "0 to 1", nullable=False),
    ),
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
    description="The leaderboard: algorithms and baselines on the same months, the chosen one first.",
    key=("contender",),
    columns=(
        Column("contender", "string", "Algorithm or baseline.", nullable=False),
        Column("baseline", "boolean", "Whether it is only there to be beaten.", nullable=False),
        Column("chosen", "boolean", "Whether it is the algorithm of the candidate.", nullable=False),
        Column("in_force", "boolean", "Whether it is the champion after the decision.", nullable=False),
        Column("validation_roc_auc_se", "float64", "Standard error of the validation ROC AUC.", "0 to 1"),
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

WIN_PREDICTIONS = TableSchema(
    name="win_predictions",
    description="One row per open deal: the probability that it is won next month, and why.",
    key=("snapshot_month", "opportunity_id"),
    columns=(
        SNAPSHOT_MONTH,
        OPPORTUNITY_ID,
        *(
            column
            for column in DIMENSIONS
            if column.name in ("sales_agent", "manager", "regional_office", "product", "account")
        ),
        Column("days_open", "int64", "Month end minus engage date.", "days", nullable=False),
        Column("probability", "float64", "Probability of being won next month.", "0 to 1", nullable=False),
        Column("expected_value", "float64", "Revenue of the deal if it is won.", "USD", nullable=False),
        Column("expected_revenue", "float64", "probability x expected_value.", "USD", nullable=False),
        Column("pushed_up", "pushes", "The three features that push it most up, strongest first."),
        Column("pushed_down", "pushes", "The three features that push it most down."),
        Column(
            "scored_by",
            "string",
            "`champion`, or `walk_forward` for months that the champion was trained on: then by the "
            "same algorithm, trained on the months before.",
            nullable=False,
        ),
        Column("algorithm", "string", "Algorithm of the champion.", nullable=False),
        Column("model_version", "string", "Registered version of the champion.", nullable=False),
    ),
)

REVENUE_FORECAST = TableSchema(
    name="revenue_forecast",
    description="Next month's expected wins and revenue, in total and by agent, manager, region, product.",
    key=("snapshot_month", "level", "name"),
    columns=(
        SNAPSHOT_MONTH,
        Column("forecast_month", "string", "Month that is predicted, YYYY-MM.", nullable=False),
        Column("level", "string", "total, sales_agent, manager, regional_office or product.", nullable=False),
        Column("name", "string", "Which agent, manager, region or product."),
        Column("open_deals", "int64", "Deals open at the month's end.", "deals", nullable=False),
        Column("expected_wins", "float64", "Sum of probabilities.", "deals", nullable=False),
        Column("expected_revenue", "float64", "Sum of expected revenue.", "USD", nullable=False),
    ),
)

_JUDGED = (
    Column("rows", "int64", "Rows that were judged.", "rows", nullable=False),
    Column("clean_rows", "int64", "Rows that break no rule.", "rows", nullable=False),
)
_TABLE = Column("table", "string", "Table that was judged.", nullable=False)

QUALITY_SCORES = TableSchema(
    name="quality_scores",
    description="How many rows of each table, and month of it, broke no rule when it was last judged.",
    key=("table", "month"),
    columns=(
        _TABLE,
        Column("month", "string", "Month, YYYY-MM; empty for a table without.", nullable=False),
        *_JUDGED,
    ),
)

DATA_QUALITY = TableSchema(
    name="data_quality",
    description="The quality score of every table that has gates.",
    key=("table",),
    columns=(_TABLE, *_JUDGED, Column("score", "float64", "clean_rows over rows; 1 without rows.", "0 to 1")),
)
