"""The one IO manager: every asset's table goes through the table store."""

import math
from functools import cached_property
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crm_assets.crm.feature_table import LABEL
from crm_assets.crm.monthly import MonthlyQuery
from crm_assets.crm.schema import arrow_schema
from crm_assets.modeling.training_rows import TrainingRows, training_rows
from crm_assets.settings import get_settings
from crm_assets.storage.choice import open_store
from crm_assets.storage.monthly import MonthlyFrames, MonthlyTables
from crm_assets.storage.tables import TableLike, TableStore

PREVIEW_ROWS = 5


class TableIOManager(dg.ConfigurableIOManager):
    """Keeps each asset as a parquet table, monthly assets as one file a month.

    An asset takes its inputs in the form that it annotates: `ir.Table` (an Ibis expression),
    `pd.DataFrame`, `TrainingRows` (a training set, month by month where it is large),
    `MonthlyTables` (an expression by month) or `MonthlyFrames` (a data frame by month). Where a
    monthly asset is taken as `ir.Table` or `pd.DataFrame`, its stored months lie one below the other.
    A monthly asset returns a `MonthlyQuery` (one expression for all months) or `MonthlyFrames`.
    """

    @cached_property
    def store(self) -> TableStore:
        """The store behind this IO manager: the one that the settings choose."""
        return open_store(get_settings())

    def handle_output(self, context: dg.OutputContext, obj: TableLike | MonthlyQuery | MonthlyFrames) -> None:
        """Write a table, or the months of a monthly one."""
        name = context.asset_key.to_user_string()
        schema = _declared(context)
        if isinstance(obj, MonthlyQuery | MonthlyFrames):
            for month, rows in self.store.write_months(name, obj, schema):
                # Each month's event tells of that month alone.
                context.step_context.add_asset_metadata(
                    self._facts(name, rows, month), context.asset_key, month
                )
        else:
            context.add_output_metadata(self._facts(name, self.store.write(name, obj, schema)))

    def _facts(self, name: str, rows: int, month: str | None = None) -> dict[str, Any]:
        """What the UI shows of a stored table, or of one month of it."""
        # Without the engine: it takes longer to open a file than to read five rows or one column of it.
        with pq.ParquetFile(self.store.path(name, month)) as stored:
            facts: dict[str, Any] = {
                "dagster/row_count": rows,
                "path": dg.MetadataValue.path(self.store.where(name, month)),
                "preview": dg.MetadataValue.md(markdown(_first_rows(stored))),
            }
            if LABEL.name in stored.schema_arrow.names:
                rate = pc.mean(stored.read([LABEL.name])[LABEL.name]).as_py()
                facts |= {} if rate is None else {"won next month (rate)": rate}
        return facts

    def load_input(self, context: dg.InputContext) -> Any:
        """Read a table in the form that the asset annotates."""
        name = context.asset_key.to_user_string()
        wanted = context.dagster_type.typing_type
        if wanted is TrainingRows:
            return training_rows(self.store.path(name))
        if wanted in (MonthlyTables, MonthlyFrames):
            by_month = MonthlyTables(self.store, name, context.asset_partition_keys)
            if wanted is MonthlyTables:
                return by_month
            return MonthlyFrames(by_month, lambda month: self.store.to_pandas(by_month[month]))
        months = self._stored(name, context) if context.has_asset_partitions else None
        table = self.store.read(name, months)
        return self.store.to_pandas(table) if wanted is pd.DataFrame else table

    def _stored(self, name: str, context: dg.InputContext) -> list[str]:
        stored = set(self.store.months(name))
        return [month for month in context.asset_partition_keys if month in stored]


def _declared(context: dg.OutputContext) -> pa.Schema:
    """The types of the columns that the asset's definition declares."""
    declared = (context.definition_metadata or {})["dagster/column_schema"]
    columns = (
        declared.schema.columns if isinstance(declared, dg.TableSchemaMetadataValue) else declared.columns
    )
    return arrow_schema((column.name, column.type) for column in columns)


def _first_rows(file: pq.ParquetFile) -> pd.DataFrame:
    for batch in file.iter_batches(PREVIEW_ROWS):
        return batch.to_pandas()
    return file.schema_arrow.empty_table().to_pandas()


def markdown(frame: pd.DataFrame) -> str:
    """A data frame as a Markdown table.

    >>> print(markdown(pd.DataFrame({"month": ["2017-02"], "rate": [0.36612]})))
    | month | rate |
    | --- | --- |
    | 2017-02 | 0.366 |
    """
    header = [f"| {' | '.join(map(str, frame.columns))} |", f"|{' --- |' * len(frame.columns)}"]
    rows = [f"| {' | '.join(map(_cell, row))} |" for row in frame.itertuples(index=False)]
    return "\n".join(header + rows)


def _cell(value: object) -> str:
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
