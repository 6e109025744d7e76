"""The one IO manager: every asset's table goes through the table store."""

from functools import cached_property
from typing import Any

import dagster as dg
import ibis.expr.types as ir
import pandas as pd
from upath import UPath

from crm_assets.crm.tables import BACKTEST, TABLES
from crm_assets.storage.tables import MonthlyFrames, MonthlyTables, TableLike, TableStore


class TableIOManager(dg.ConfigurableIOManager):
    """Keeps each asset as a parquet table, monthly assets as one file a month.

    An asset takes its inputs in the form that it annotates: `ir.Table` (an Ibis expression),
    `pd.DataFrame`, or `MonthlyTables` (an expression by month). Where a monthly asset is taken
    as `ir.Table` or `pd.DataFrame`, its stored months lie one below the other.
    """

    base: str
    engine_memory: str = "4GB"

    @cached_property
    def store(self) -> TableStore:
        """The store behind this IO manager."""
        return TableStore(UPath(self.base), self.engine_memory)

    def handle_output(
        self, context: dg.OutputContext, obj: TableLike | MonthlyTables | MonthlyFrames
    ) -> None:
        """Write a table, or the months of a monthly one."""
        name = context.asset_key.to_user_string()
        schema = TABLES.get(name, BACKTEST).arrow
        if isinstance(obj, dict):
            rows = {month: self.store.write(name, table, schema, month) for month, table in obj.items()}
            newest = self.store.read(name, list(rows)[-1:])
        else:
            rows = {"all": self.store.write(name, obj, schema)}
            newest = self.store.read(name)
        context.add_output_metadata(
            {
                "dagster/row_count": sum(rows.values()),
                "path": dg.MetadataValue.path(str(self.store.path(name, *list(rows)[-1:]))
                if isinstance(obj, dict) else str(self.store.path(name))),
                "preview": dg.MetadataValue.md(markdown(self.store.to_pandas(newest.limit(5)))),
                **({"rows by month": _rows_by_month(rows)} if len(rows) > 1 else {}),
            }
        )

    def load_input(self, context: dg.InputContext) -> Any:
        """Read a table in the form that the asset annotates."""
        name = context.asset_key.to_user_string()
        wanted = context.dagster_type.typing_type
        if wanted in (MonthlyTables, MonthlyFrames):
            by_month = {month: self.store.read(name, [month]) for month in context.asset_partition_keys}
            if wanted is MonthlyTables:
                return MonthlyTables(by_month)
            return MonthlyFrames({m: self.store.to_pandas(table) for m, table in by_month.items()})
        months = self._stored(name, context) if context.has_asset_partitions else None
        table = self.store.read(name, months)
        return self.store.to_pandas(table) if wanted is pd.DataFrame else table

    def _stored(self, name: str, context: dg.InputContext) -> list[str]:
        stored = set(self.store.months(name))
        return [month for month in context.asset_partition_keys if month in stored]


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


def _rows_by_month(rows: dict[str, int]) -> dg.MetadataValue:
    return dg.MetadataValue.md(markdown(pd.DataFrame({"month": list(rows), "rows": list(rows.values())})))


def _cell(value: object) -> str:
    if value is None or value is pd.NaT or (isinstance(value, float) and value != value):
        return ""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
