"""The shapes of MLflow's scoring server: rows of raw CRM fields, or of a model's own features."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from crm_assets.crm.all_features import feature
from crm_assets.serving.problems import Fault, Problem
from crm_assets.serving.schemas import MOST_DEALS


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


def feature_rows(rows: list[dict[str, Any]], features: list[str], month: str) -> pd.DataFrame:
    """Return rows of features as a table that a model takes.

    Raises:
        Problem: a feature is missing, or a value has the wrong type; names the row and the feature.
    """
    found: dict[str, list[Any]] = {"snapshot_month": [month] * len(rows)}
    wrong = []
    for name in features:
        row_of = feature(name)
        kinds: tuple[type, ...] = (bool, int, float) if row_of.dtype != "category" else (str,)
        found[name] = [row.get(name) for row in rows]
        for place, row in enumerate(rows):
            value = row.get(name)
            if name not in row or not (value is None or (isinstance(value, kinds) and abs_below(value))):
                what = "is missing" if name not in row else f"is not a {row_of.dtype}"
                wrong.append(Fault(where=f"{place}.{name}", what=what))
    if wrong:
        raise Problem(422, "Send raw CRM fields with engage_date, or all features of the model.", wrong[:20])
    table = pd.DataFrame(found)
    numbers = [name for name in features if feature(name).dtype != "category"]
    return table.astype(dict.fromkeys(numbers, "float64"))


def abs_below(value: Any) -> bool:
    """Return whether a value is no number, or a number that a model can take."""
    return isinstance(value, str) or (value == value and abs(value) <= 1e15)
