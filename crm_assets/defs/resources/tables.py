"""The one IO manager: every asset's table goes through the table store."""

import hashlib
from collections.abc import Collection
from itertools import chain
from pathlib import Path
from typing import Any

import dagster as dg
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import PrivateAttr

from crm_assets.crm.feature_table import LABEL
from crm_assets.crm.lineage import column_lineage, stored_table
from crm_assets.crm.monthly import MonthlyQuery
from crm_assets.crm.schema import TableSchema, arrow_schema
from crm_assets.defs.metadata import OPTIONAL_TAG, Fact, percent
from crm_assets.defs.metadata import table as shown
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.defs.told import told
from crm_assets.modeling.training_rows import TrainingRows, training_rows
from crm_assets.storage.monthly import MonthlyFrames, MonthlyTables
from crm_assets.storage.said import keep_said
from crm_assets.storage.tables import TableLike, TableStore

PREVIEW_ROWS = 5
VERSION_DIGITS = 16


class TableIOManager(dg.ConfigurableIOManager):
    """An IO manager that stores each asset as a parquet table, monthly assets as one file per month.

    An asset takes its inputs in the form that it annotates: `ir.Table` (an Ibis expression),
    `pd.DataFrame`, `TrainingRows` (a training set, read month by month when large),
    `MonthlyTables` (an expression per month) or `MonthlyFrames` (a data frame per month). A monthly
    asset that is taken as `ir.Table` or `pd.DataFrame` has the rows of all its stored months.
    A monthly asset returns a `MonthlyQuery` (one expression for all months), several of them (in the order of
    their months), or `MonthlyFrames`.
    """

    tables: TableStoreResource
    # The asset of each stored table, by the engine's name of the table.
    _assets: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def store(self) -> TableStore:
        """The store behind this IO manager."""
        return self.tables.store

    @told
    def handle_output(
        self, context: dg.OutputContext, obj: TableLike | MonthlyQuery | list[MonthlyQuery] | MonthlyFrames
    ) -> None:
        """Write a table, or the months of a monthly one.

        The data version is a digest of the bytes. Dagster keeps one version for all months of a step, so a
        step of several months gets the digest of all their digests.
        """
        name = context.asset_key.to_user_string()
        schema = _declared(context)
        versions: list[str] = []
        if isinstance(obj, MonthlyQuery | MonthlyFrames | list):
            parts = obj if isinstance(obj, list) else [obj]
            written = (self.store.write_months(name, part, schema) for part in parts)
            for month, rows in chain.from_iterable(written):
                versions.append(digest(self.store.path(name, month)))
                keep_said(self.store, name, month)
                # Each month's event describes that month only.
                context.step_context.add_asset_metadata(
                    self._facts(name, rows, month), context.asset_key, month
                )
            # Queries in a list differ in the dump that they read.
            last = parts[-1]
            source, by_month = (
                (last.expression, last.stored) if isinstance(last, MonthlyQuery) else (None, None)
            )
        else:
            context.add_output_metadata(self._facts(name, self.store.write(name, obj, schema)))
            versions.append(digest(self.store.path(name)))
            source, by_month = obj, None
        if isinstance(source, ir.Table):
            context.add_output_metadata({Fact.COLUMN_LINEAGE: self._lineage(source, by_month)})
        context.step_context.set_data_version(context.asset_key, data_version(versions))

    def _lineage(self, table: ir.Table, by_month: TableSchema | None = None) -> dg.TableColumnLineage:
        """Return the source columns of each column, derived from the expression itself."""
        # A query over months knows stored tables by asset name. Neither calendar nor archive is an asset.
        known = {*self._assets, by_month.name if by_month else ""}
        return dg.TableColumnLineage(
            {
                column: [
                    dg.TableColumnDep(self._assets.get(t, t), made_from)
                    for t, made_from in origins
                    if t in known
                ]
                for column, origins in column_lineage(table).items()
            }
        )

    def _facts(self, name: str, rows: int, month: str | None = None) -> dict[str, Any]:
        """Return what the UI shows about a stored table, or about one month of it."""
        # Read without the engine, which takes longer to open a file than to read five rows or one column.
        with pq.ParquetFile(self.store.path(name, month)) as stored:
            facts: dict[str, Any] = {
                Fact.ROW_COUNT: rows,
                Fact.PATH: dg.MetadataValue.path(self.store.where(name, month)),
                Fact.PREVIEW: shown(_first_rows(stored)),
            }
            if LABEL.name in stored.schema_arrow.names:
                rate = pc.mean(stored.read([LABEL.name])[LABEL.name]).as_py()
                facts |= {} if rate is None else {Fact.WON_RATE: percent(rate)}
        return facts

    @told
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
        table = self._read(name, months)
        return self.store.to_pandas(table) if wanted is pd.DataFrame else table

    def _read(self, name: str, months: list[str] | None) -> ir.Table:
        table = self.store.read(name, months)
        self._assets[str(stored_table(table))] = name
        return table

    def _stored(self, name: str, context: dg.InputContext) -> list[str]:
        stored = set(self.store.months(name))
        return [month for month in context.asset_partition_keys if month in stored]


def _declared(context: dg.OutputContext) -> pa.Schema:
    """Return the schema that the asset's definition declares."""
    declared = (context.definition_metadata or {})["dagster/column_schema"]
    columns = (
        declared.schema.columns if isinstance(declared, dg.TableSchemaMetadataValue) else declared.columns
    )
    optional = [column.name for column in columns if OPTIONAL_TAG in column.tags]
    return arrow_schema(((column.name, column.type) for column in columns), optional)


def _first_rows(file: pq.ParquetFile) -> pd.DataFrame:
    for batch in file.iter_batches(PREVIEW_ROWS):
        return batch.to_pandas()
    return file.schema_arrow.empty_table().to_pandas()


def digest(path: Path) -> str:
    """Return the digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:VERSION_DIGITS]


def data_version(digests: Collection[str]) -> dg.DataVersion:
    """Return the data version of one file, or of several in order, from the digests of their bytes."""
    if len(digests) == 1:
        return dg.DataVersion(next(iter(digests)))
    return dg.DataVersion(hashlib.sha256("".join(digests).encode()).hexdigest()[:VERSION_DIGITS])
