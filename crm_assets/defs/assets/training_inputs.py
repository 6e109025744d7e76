"""What the assets that fit models share: the snapshots, the split of the months, and how rows are built."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg
import ibis.expr.types as ir
import pandas as pd

from crm_assets.crm.tables import MONTHLY_SNAPSHOTS
from crm_assets.crm.tuning_table import tuning_of
from crm_assets.defs.code_versions import code_version
from crm_assets.defs.partitions import source
from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling.algorithm import Algorithm, Snapshot
from crm_assets.modeling.algorithms import needed_of
from crm_assets.modeling.training_rows import TrainingRows
from crm_assets.settings import get_settings
from crm_assets.storage.tables import TableStore

if TYPE_CHECKING:
    from crm_assets.modeling.folds import Split


def snapshot_input(needed: bool) -> dict[str, dg.AssetIn]:
    """Return the input of assets that learn from snapshots, or none."""
    return {MONTHLY_SNAPSHOTS.name: dg.AssetIn(dagster_type=ir.Table)} if needed else {}


def snapshot_of(tables: Mapping[str, ir.Table]) -> Snapshot | None:
    """Return a function that reads the snapshot of a month, or None if the tables have no snapshots."""
    if MONTHLY_SNAPSHOTS.name not in tables:
        return None
    from crm_assets.modeling.frames import coded

    deals = needed_of(tables[MONTHLY_SNAPSHOTS.name])

    def read(month: str) -> pd.DataFrame:
        known = coded(deals.filter(deals.snapshot_month == month).to_pyarrow())
        if known.empty:
            raise NotEnoughDataError(
                f"{MONTHLY_SNAPSHOTS.name} lacks {month}, from which models learn: materialize it."
            )
        return known

    return read


def split_now(training_set: TrainingRows) -> "Split":
    """Divide the months as settings say; see `modeling.sufficiency.split_of`."""
    from crm_assets.modeling.sufficiency import split_of

    return split_of(training_set, get_settings().min_training_months, get_settings().test_months)


def code_of(algorithm: Algorithm) -> str:
    """Return the version of the code that builds an algorithm."""
    return code_version(algorithm.build)


def tuned_row(store: TableStore, algorithm: Algorithm, split: "Split") -> tuple[Algorithm, int, str]:
    """Return an algorithm as a stored search says that it should be built.

    Returns:
        The row, how many configurations were tried (0 if the row is unchanged), and why in a sentence, which
        is empty if nobody has searched.
    """
    from crm_assets.modeling.tuning import adopted_row

    name = tuning_of(algorithm.name).name
    if not algorithm.space or not store.has(name):
        return algorithm, 0, ""
    searched = store.to_pandas(store.read(name))
    return adopted_row(algorithm, searched, source().identity, code_of(algorithm), split)


def as_built(algorithm: Algorithm, backtest: ir.Table) -> tuple[Algorithm, int]:
    """Return an algorithm as it was built for a stored backtest, and how many configurations were tried."""
    if "parameters" not in backtest.columns:
        return algorithm, 0
    first = backtest.select("parameters", "trials").limit(1).to_pyarrow().to_pylist()
    if not first:
        return algorithm, 0
    return algorithm.tuned(json.loads(first[0]["parameters"])), first[0]["trials"]
