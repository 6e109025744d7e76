"""Compare the forecasts of a replay with the same rule walked forward over the whole dump at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pandas as pd

from crm_assets.crm import cleaning
from crm_assets.crm.feature_table import LABEL
from crm_assets.crm.features import win_features
from crm_assets.crm.schema import RAW_TABLES
from crm_assets.crm.snapshots import month_rows, snapshots
from crm_assets.modeling.algorithm import Snapshot
from crm_assets.modeling.algorithms import ALGORITHMS
from crm_assets.modeling.backtest import walk_forward
from crm_assets.modeling.calibration import CalibratedModel, fit_calibrator
from crm_assets.modeling.champion import calibration_of, chosen_of, leaderboard
from crm_assets.modeling.folds import last_lesson, learn, split_months
from crm_assets.modeling.frames import coded
from crm_assets.modeling.training_rows import HeldRows
from crm_assets.registry.recipes import Recipe
from crm_assets.settings import Settings
from crm_assets.sources.base import Source
from crm_assets.storage.tables import TableStore


@dataclass(frozen=True)
class WholeDump:
    """What the whole dump says of some months.

    Attributes:
        features: columns of `win_features`, all months.
        snapshot: reads the snapshot of a month.
    """

    features: pd.DataFrame
    snapshot: Snapshot


def whole_dump(source: Source, first_month: str, months: list[str]) -> WholeDump:
    """Return the features, labels and snapshots of some months, from the whole dump."""
    dump = source.take(*RAW_TABLES)
    deals = cleaning.opportunities({n: ibis.memtable(taken.rows) for n, taken in dump.items()}, first_month)

    def rows(of: list[str]) -> ir.Table:
        return ibis.memtable(month_rows(of, months[-1]))

    calendar = rows(months)
    features = win_features(deals, calendar, snapshots(deals, calendar)).to_pyarrow().to_pandas()
    return WholeDump(features, lambda month: coded(snapshots(deals, rows([month])).to_pyarrow()))


def compare(
    store: TableStore,
    recipes: dict[str, Recipe],
    whole: WholeDump,
    last_backtest: Mapping[str, pd.DataFrame],
    settings: Settings,
) -> pd.DataFrame:
    """Compare the forecasts of a replay with walk-forward, month by month.

    Args:
        store: the tables of the replay.
        recipes: the champions of the replay, by version.
        whole: what the whole dump says.
        last_backtest: calibrated walk-forward predictions of the replay's last champion by month, which
            calibrates its test months on its validation months alone.
        settings: the settings of the replay.

    Returns:
        One row per month with predictions: `month`, `version`, `algorithm`, `chosen` (the algorithm that
        the whole dump chooses as of that month), `deals`, `expected` and `walk_forward` (wins),
        `difference` (the largest between the probabilities of a deal), `last_backtest` and `realized`
        (wins; NaN if unknown).
    """
    features, rows = whole.features, []
    for month in store.months("win_predictions"):
        said = store.to_pandas(store.read("win_predictions", [month]))
        if said.empty:
            continue
        recipe = recipes[str(said["model_version"].iloc[0])]
        chosen, again = _walk_forward(whole, recipe, month, settings)
        both = said.merge(again, on="opportunity_id", how="outer", suffixes=("", "_again"))
        labels = features.loc[features["snapshot_month"] == month, LABEL.name]
        past = last_backtest[month]["probability"] if month in last_backtest else []
        rows.append(
            {
                "month": month,
                "version": recipe.version,
                "algorithm": recipe.algorithm,
                "chosen": chosen,
                "deals": len(said),
                "expected": said["probability"].sum(),
                "walk_forward": again["probability"].sum(),
                "difference": (both["probability"] - both["probability_again"]).abs().max(skipna=False),
                "last_backtest": sum(past) if len(past) else float("nan"),
                "realized": labels.sum() if labels.notna().all() else float("nan"),
            }
        )
    return pd.DataFrame(rows)


def _walk_forward(
    whole: WholeDump, recipe: Recipe, month: str, settings: Settings
) -> tuple[str, pd.DataFrame]:
    """Choose, calibrate and fit on the months that the champion knew, and score `month`."""
    features, known, seed = whole.features, whole.snapshot, settings.seed
    table = features[features["snapshot_month"].isin(recipe.trained_months)]
    table = table.sort_values(["snapshot_month", "opportunity_id"], ignore_index=True)
    split = split_months(recipe.trained_months, settings.min_training_months, settings.test_months)
    rows = HeldRows(table)
    backtests = {
        a.name: walk_forward(a, rows, recipe.features, split.scored, seed, None, known) for a in ALGORITHMS
    }
    board, _ = leaderboard(rows, backtests, split)
    chosen = chosen_of(board)
    fitted = learn(chosen, last_lesson(rows, recipe.features, seed, known))
    model = CalibratedModel(
        fitted, fit_calibrator(backtests[chosen.name], calibration_of(board)), chosen.name
    )
    scored = features[features["snapshot_month"] == month]
    probability = model.predict_proba(chosen.matrix(scored, recipe.features))[:, 1]
    return chosen.name, scored[["opportunity_id"]].assign(probability=probability)
