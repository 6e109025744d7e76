"""Compare the forecasts of a replay with the same rule walked forward over the whole dump at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from crm_assets.console.replay.past import Past
from crm_assets.crm import cleaning
from crm_assets.crm.feature_table import LABEL
from crm_assets.crm.features import KEY, deal_features, win_features, with_deal_features
from crm_assets.crm.snapshots import month_rows, snapshots
from crm_assets.crm.targets import DEFAULT_TARGET
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
from crm_assets.storage.tables import TableStore


@dataclass(frozen=True)
class Known:
    """What the dumps say.

    Attributes:
        features: gives the features of all months, with the labels known at the end of a month.
        snapshot: reads the snapshot of a month.
    """

    features: Callable[[str], pd.DataFrame]
    snapshot: Snapshot


def known_of(past: Past, first_month: str, months: list[str], first: str) -> Known:
    """Return the features and snapshots of all months, as the dumps have them.

    Args:
        past: the dumps.
        first_month: first month of the data.
        months: all months of the data.
        first: the first month that is replayed: its dump tells the months before it, too.
    """
    # Without recorded months, each dump says the same of each month.
    last = months[-1]
    sources = {month: max(month, first) if past.is_recorded else last for month in months}

    @cache
    def deals(month: str) -> ir.Table:
        tables = past.tables(month) if past.is_recorded else past.today
        made = cleaning.opportunities({n: ibis.memtable(rows) for n, rows in tables.items()}, first_month)
        return ibis.memtable(made.to_pyarrow())

    parts = [
        snapshots(deals(source), ibis.memtable(month_rows([m for m in months if sources[m] == source])))
        for source in dict.fromkeys(sources.values())
    ]
    known = ibis.memtable(pa.concat_tables([part.to_pyarrow() for part in parts], promote_options="default"))

    @cache
    def as_of(month: str) -> pd.DataFrame:
        calendar = ibis.memtable(month_rows(months, month))
        features = win_features(deals(sources[month]), calendar, known)
        joined = with_deal_features(features, deal_features(calendar, known))
        return joined.order_by(KEY).to_pyarrow().to_pandas()

    def snapshot(month: str) -> pa.Table:
        return coded(known.filter(known.snapshot_month == month).to_pyarrow())

    return Known(as_of if past.is_recorded else lambda _: as_of(last), snapshot)


def compare(
    store: TableStore,
    recipes: dict[str, Recipe],
    known: Known,
    last_backtest: Mapping[str, pd.DataFrame],
    settings: Settings,
) -> pd.DataFrame:
    """Compare the forecasts of a replay with walk-forward, month by month.

    Args:
        store: the tables of the replay.
        recipes: the champions of the replay, by version.
        known: what `known_of` returns.
        last_backtest: calibrated walk-forward predictions of the replay's last champion by month, which
            calibrates its test months on its validation months alone.
        settings: the settings of the replay.

    Returns:
        One row per month with predictions: `month`, `version`, `algorithm`, `chosen` (the algorithm that
        the whole dump chooses as of that month), `deals`, `expected` and `walk_forward` (wins),
        `difference` (the largest between the probabilities of a deal), `last_backtest` and `realized`
        (wins; NaN if unknown).
    """
    rows = []
    final = known.features(store.months("win_features")[-1])
    for month in store.months("win_predictions"):
        said = store.to_pandas(store.read("win_predictions", [month]))
        if said.empty:
            continue
        recipe = recipes[str(said["model_version"].iloc[0])]
        chosen, again = _walk_forward(known, recipe, month, settings)
        both = said.merge(again, on="opportunity_id", how="outer", suffixes=("", "_again"))
        labels = final.loc[final["snapshot_month"] == month, LABEL.name]
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


def _walk_forward(known: Known, recipe: Recipe, month: str, settings: Settings) -> tuple[str, pd.DataFrame]:
    """Choose, calibrate and fit on the months that the champion knew, and score `month`."""
    seed = settings.seed
    learned = known.features(DEFAULT_TARGET.last_month(max(recipe.trained_months)))
    table = learned[learned["snapshot_month"].isin(recipe.trained_months)]
    table = table.sort_values(["snapshot_month", "opportunity_id"], ignore_index=True)
    split = split_months(recipe.trained_months, settings.min_training_months, settings.test_months)
    rows = HeldRows(table)
    built = {
        row.name: row.tuned(recipe.parameters) if row.name == recipe.algorithm else row for row in ALGORITHMS
    }
    backtests = {
        a.name: walk_forward(a, rows, recipe.features, split.scored, seed, None, known.snapshot)
        for a in built.values()
    }
    board, _ = leaderboard(rows, backtests, split)
    chosen = built[chosen_of(board).name]
    fitted = learn(chosen, last_lesson(rows, recipe.features, seed, known.snapshot))
    calibrator = fit_calibrator(backtests[chosen.name], calibration_of(board))
    model = CalibratedModel(fitted, calibrator, chosen.name)
    scored = learned[learned["snapshot_month"] == month]
    probability = model.predict_proba(chosen.matrix(scored, recipe.features))[:, 1]
    return chosen.name, scored[["opportunity_id"]].assign(probability=probability)
