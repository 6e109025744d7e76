"""The metadata of materializations and checks: the name of each fact, and how the UI shows it.

Code that attaches, reads or tests a fact takes its name from here.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from typing import Any

import dagster as dg
import pandas as pd

from crm_assets.insight.words import said

# Dagster's tag that says which bytes an event made.
DATA_VERSION = "dagster/data_version"
# The tag of columns that a table lacks if the CRM has nothing to fill them with.
OPTIONAL_TAG = "optional"
# How a table is read about which the reader had nothing to decide.
PLAINLY_READ = "as it is written"


class Fact:
    """The names of the facts, as the UI shows them. Dagster stores only plain text, not enumerations."""

    # Of every table. The first two names are Dagster's own; its UI draws and lists them.
    ROW_COUNT = "dagster/row_count"
    COLUMN_LINEAGE = "dagster/column_lineage"
    PATH = "path"
    PREVIEW = "preview"
    WON_RATE = "won next month (%)"
    SOURCE_IN_FORCE = "source in force"
    # Of raw tables and quarantine.
    SOURCE = "source"
    SYNTHETIC = "synthetic"
    IN_THE_SOURCE = "in the source"
    ROWS_READ = "rows read"
    ROWS_SET_ASIDE = "rows set aside"
    SET_ASIDE_BY_TABLE = "rows set aside by table"
    SET_ASIDE_BY_RULE = "rows set aside by rule"
    # Of the archive and what is read from it.
    DUMP = "dump"
    DUMPS = "archived dumps"
    NEWEST_DUMP = "newest dump"
    NEW_TABLES = "tables stored with this dump"
    ARCHIVE_BYTES = "bytes in the archive"
    CHANGES = "what changed"
    RECORDED = "months recorded by a dump"
    LEFT_OUT = "values left out"
    HOW_READ = "how it is read"
    # Of the leak audit.
    INADMISSIBLE = "inadmissible"
    OVERRULED = "overruled"
    UNPROVEN = "unproven"
    ABSENT_FEATURES = "features that the CRM has nothing for"
    VERDICTS = "verdicts"
    FINDINGS = "what it found"
    BY_HISTORY = "what the archived dumps say"
    # Of what goes back to the CRM.
    SCORED_DEALS = "scored deals"
    CHANGED_DEALS = "changed deals"
    SENT_DEALS = "sent deals"
    REFUSED_DEALS = "deals that the CRM did not take"
    # Of models and champion.
    ALGORITHM = "algorithm"
    CALIBRATION = "calibration"
    FEATURES = "features"
    LEARNS_FROM = "learns from"
    LEARNED_FROM = "learned from"
    MLFLOW_RUN = "mlflow run"
    MODEL_VERSION = "model version"
    VALIDATION_MONTHS = "validation months"
    TEST_MONTHS_UNCALIBRATED = "test months (uncalibrated)"
    TEST_MONTHS = "test months"
    AUC_BY_MONTH = "ROC AUC by month"
    VERSION = "version"
    PROMOTED = "promoted"
    DECISION = "decision"
    CHAMPION_VERSION = "champion version"
    TRAINED_UNTIL = "trained until"
    DATA = "data"
    LEADERBOARD = "leaderboard"
    MODEL_CARD = "model card"
    NO_MODEL = "why there is no model"
    TUNED = "tuned"
    # Of searches for parameters.
    TRIALS = "trials"
    FOUND = "what the search found"
    GAIN = "gain in ROC AUC (validation months)"
    GAIN_ERROR = "standard error of the gain"
    HELD_OUT_GAIN = "gain on held-out months"
    ADOPTED = "adopted"
    PARAMETERS = "best parameters"
    BEFORE_AND_AFTER = "validation months before and after"
    SECONDS = "seconds"
    HISTORY = "history of the search"
    IMPORTANCE = "importance of the parameters"
    # Of predictions.
    EXPECTED_WINS = "expected wins (deals)"
    SCORED_BY = "scored by"
    AS_OF = "as of"
    TOTALS_BY_HORIZON = "totals by horizon"
    LIKELIEST_WINS = "likeliest wins"
    WITHOUT_PREDICTION = "open deals without a prediction"
    NO_PREDICTIONS = "no predictions"
    MEAN_SCORES = "mean probability by month"
    EXPLAINED_BY = "features that explain the fall"
    # Of drift.
    COMPARED = "columns compared"
    DRIFTED = "drifted columns"
    DRIFT = "what drifted"
    REPORT = "report"
    NOT_COMPARED = "why nothing was compared"
    # Of monitoring.
    SAID_AND_CAME = "said and came"
    BY_MONTH = "said and came by month"
    QUALITY_BY_MONTH = "quality of the predictions by month"
    OVER_SEVERAL_MONTHS = "said and came over several months"
    STORED = "these predictions were"
    OTHERS = "who said what about this month"
    CALIBRATION_OF_MONTH = "chances and wins"
    BIAS_BY_MANAGER = "bias by manager"
    BIAS_BY_PRODUCT = "bias by product"
    ESTIMATED = "estimated before the outcome"
    LIMIT = "what it cannot see"
    # Of quality scores and checks.
    SCORES = "scores"
    ABSENT_TABLES = "tables that the source does not have"
    QUALITY_SCORE = "quality score"
    ROWS_JUDGED = "rows judged"
    JUDGED_BY = "judged by"
    NOT_JUDGED = "not judged"
    RULES = "rules"
    CALIBRATION_ERROR = "expected calibration error"
    MONTH = "month"


def score_name(metric: str) -> str:
    """Return the name of a score on the test months."""
    return f"test {metric}"


def broken(rule: str) -> str:
    """Return the name of the evidence against a broken rule."""
    return f"broken: {rule}"


def quality_score(of: str) -> str:
    """Return the name of the quality score of a table, or of several."""
    return f"{Fact.QUALITY_SCORE}, {of}"


def by_month(column: str) -> str:
    """Return the name of the table of a column's rates, the evidence of the leak audit."""
    return f"{column} by month of engagement"


def rewriting(column: str) -> str:
    """Return the name of the plot of a column's rates beside what rewriting at closing predicts."""
    return f"{column}: the months and what rewriting predicts"


def picture(png: bytes) -> dg.MarkdownMetadataValue:
    """Return a PNG that the UI shows inline."""
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{base64.b64encode(png).decode()})")


def link(address: str) -> dg.MetadataValue:
    """Return a place to look further, as a link if it is a URL."""
    return dg.MetadataValue.url(address) if address.startswith("http") else dg.MetadataValue.text(address)


def table(frame: pd.DataFrame) -> dg.TableMetadataValue:
    """Return a data frame as a table that the UI shows; see `cell` for its values."""
    columns = [dg.TableColumn(str(name), _type(frame[name])) for name in frame.columns]
    rows: Iterable[tuple[Any, ...]] = frame.itertuples(index=False, name=None)
    names = [column.name for column in columns]
    records = [dg.TableRecord(dict(zip(names, map(cell, row), strict=True))) for row in rows]
    return dg.MetadataValue.table(records, dg.TableSchema(columns))


def cell(value: Any) -> str | int | float | bool | None:
    """Return a value in the form that a table of the UI takes: a primitive, or None if it is missing.

    Reasons of a prediction become words.

    >>> cell(0.36612), cell(float("nan")), cell([1, 2])
    (0.366, None, '[1, 2]')
    >>> cell([{"feature": "days_open", "value": "57", "contribution": 0.8}])
    'open for 57 days'
    """
    if _is_reasons(value):
        return "; ".join(said(push["feature"], push["value"]) for push in value)
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    plain = value.item() if hasattr(value, "item") and not hasattr(value, "__len__") else value
    if isinstance(plain, float):
        return round(plain, 3)
    return plain if isinstance(plain, str | int | bool) else str(plain)


def _is_reasons(value: Any) -> bool:
    """Return whether a value is a list of pushes, as `win_predictions` stores them."""
    return (
        hasattr(value, "__len__")
        and not isinstance(value, str | dict)
        and len(value) > 0
        and isinstance(value[0], dict)
        and {"feature", "value"} <= value[0].keys()
    )


def percent(share: float) -> float:
    """Return a share, 0 to 1, in percent with one digit, as facts show it."""
    return round(100 * share, 1)


def _type(column: pd.Series) -> str:
    kinds = {"b": "bool", "i": "int", "u": "int", "f": "float"}
    return kinds.get(column.dtype.kind, "string")
