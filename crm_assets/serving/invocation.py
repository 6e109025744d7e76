"""The shapes of MLflow's scoring server: rows of raw CRM fields, or of a model's own features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from crm_assets.crm.all_features import feature
from crm_assets.serving.problems import Fault, Problem
from crm_assets.serving.schemas import MOST_DEALS

# No feature is larger, on either side of 0.
MOST = 1e15


class Split(BaseModel):
    """A table as columns and rows."""

    model_config = ConfigDict(extra="ignore", strict=True)

    columns: list[str] = Field(max_length=200)
    data: list[list[Any]] = Field(max_length=MOST_DEALS)


class Invocation(BaseModel):
    """Rows in one of the shapes of MLflow's scoring server."""

    model_config = ConfigDict(extra="ignore", strict=True)

    dataframe_split: Split | None = None
    dataframe_records: list[dict[str, Any]] | None = Field(None, max_length=MOST_DEALS)
    inputs: list[dict[str, Any]] | None = Field(None, max_length=MOST_DEALS)
    instances: list[dict[str, Any]] | None = Field(None, max_length=MOST_DEALS)

    @model_validator(mode="after")
    def _one(self) -> Invocation:
        given = [self.dataframe_split, self.dataframe_records, self.inputs, self.instances]
        if sum(shape is not None for shape in given) != 1:
            raise ValueError("send one of dataframe_split, dataframe_records, inputs and instances")
        split = self.dataframe_split
        if split is not None:
            if len(set(split.columns)) < len(split.columns):
                raise ValueError("dataframe_split names a column twice")
            if any(len(row) != len(split.columns) for row in split.data):
                raise ValueError("each row of dataframe_split needs one value per column")
        return self

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows, in order."""
        if self.dataframe_split is not None:
            columns = self.dataframe_split.columns
            return [dict(zip(columns, row, strict=True)) for row in self.dataframe_split.data]
        return self.dataframe_records or self.inputs or self.instances or []


class Invoked(BaseModel):
    """The answer in MLflow's shape."""

    predictions: list[list[float]] = Field(description="Of each row: probability of no win, and of a win.")


def feature_rows(rows: list[dict[str, Any]], features: list[str], month: str) -> list[dict[str, Any]]:
    """Return rows of features as a model takes them, numbers as float.

    Raises:
        Problem: a feature is missing, or a value is none that the feature can have; names row and feature.
    """
    wrong = [
        Fault(where=f"{place}.{name}", what=what)
        for place, row in enumerate(rows)
        for name in features
        if (what := _fault(row, name)) is not None
    ]
    if wrong:
        raise Problem(422, "Send raw CRM fields with engage_date, or all features of the model.", wrong[:20])
    numbers = [name for name in features if feature(name).dtype != "category"]
    return [
        {name: row[name] for name in features}
        | {name: float(row[name]) for name in numbers if row[name] is not None}
        | {"snapshot_month": month}
        for row in rows
    ]


def _fault(row: Mapping[str, Any], name: str) -> str | None:
    """Say what is wrong with the value of a feature; None if nothing is."""
    told = feature(name)
    if name not in row:
        return "is missing"
    value = row[name]
    if value is None:
        return None if told.nullable else "may not be null"
    if told.dtype == "category":
        return None if isinstance(value, str) else "is not a text"
    if not isinstance(value, bool | int | float) or value != value:
        return f"is not a {told.dtype}"
    low, high = told.bounds or (None, None)
    if abs(value) > MOST or (low is not None and value < low) or (high is not None and value > high):
        return f"lies outside of {-MOST if low is None else low:g} to {MOST if high is None else high:g}"
    return None
