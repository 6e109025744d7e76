"""Run the whole job as a plain script: the same core, without Dagster, MLflow or plots.

`python -m benchmarks.plain_script FOLDER` keeps its tables and model in FOLDER and prints seconds by part.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from crm_assets.crm import cleaning
from crm_assets.crm.features import KEY, monthly_deal_features, monthly_features, with_deal_features
from crm_assets.crm.horizon import horizon
from crm_assets.crm.schema import RAW_TABLES
from crm_assets.crm.snapshots import monthly_snapshots
from crm_assets.crm.tables import (
    BACKTEST,
    CHAMPION,
    CURRENT_PREDICTIONS,
    DEAL_FEATURES_TABLE,
    LEAK_AUDIT,
    MONTHLY_SNAPSHOTS,
    OPPORTUNITIES,
    REVENUE_FORECAST,
    TRAINING_SET,
    WIN_FEATURES,
    WIN_PREDICTIONS,
)
from crm_assets.modeling import training
from crm_assets.modeling.training_rows import training_rows
from crm_assets.settings import get_settings
from crm_assets.sources.select import month_range, select_source
from crm_assets.storage.folder import Folder
from crm_assets.storage.said import keep_said
from crm_assets.storage.tables import TableStore

if TYPE_CHECKING:
    import ibis.expr.types as ir


@contextmanager
def timed(what: str) -> Generator[None]:
    """Print how long a part takes."""
    start = time.perf_counter()
    yield
    print(f"{what:<24}{time.perf_counter() - start:>7.2f} s", flush=True)


def main(folder: Path) -> None:
    """Run everything from raw tables to forecast, for all months."""
    settings = get_settings()
    months = month_range(settings, select_source(settings))
    store = TableStore(Folder(folder))
    with timed("tables"):
        deals, last = make_tables(store)
        learned = training_rows(store.path("training_set"))
    with timed("imports of the models"):
        import skops.io as sio

        from crm_assets.modeling import backtest, champion, folds, forecast, frames, leak_audit, scoring
        from crm_assets.modeling.algorithms import ALGORITHMS
        from crm_assets.modeling.outlook import current, history
    split = folds.split_months(learned.months, settings.min_training_months, settings.test_months)
    with timed("leak audit"):
        known = frames.read_coded(
            deals.select([name for name in leak_audit.DEAL_COLUMNS if name in deals.columns])
        )
        audit = leak_audit.leak_audit(learned, known, last, validation=split.validation, seed=settings.seed)
        store.write(LEAK_AUDIT.name, audit, LEAK_AUDIT.arrow)
        used = leak_audit.admissible_features(audit)
    backtests, models, known_at = {}, folds.FoldModels(), snapshots_of(store)
    for row in ALGORITHMS:
        with timed(row.name):
            scores = backtest.walk_forward(row, learned, used, split.scored, settings.seed, models, known_at)
            store.write(row.name, scores, BACKTEST.arrow)
            backtests[row.name] = scores
    with timed("champion"):
        chosen = champion.candidate(learned, used, backtests, split, settings.seed, models, known_at)
        leaderboard = champion.decided(chosen.leaderboard, True, "", None)
        store.write(CHAMPION.name, leaderboard, CHAMPION.arrow)
        sio.dump(chosen.model, folder / "model.skops")
        past = dict(chosen.explained)
    with timed("predictions"):
        model = scoring.Champion("1", chosen.algorithm, chosen.model, used, chosen.trained_months, past)
        memo: dict[object, object] = {}
        for month in months:
            known = store.read("monthly_snapshots", [month])
            snapshot = frames.coded(history.needed(known).to_pyarrow())
            features = (store.read(name, [month]) for name in ("win_features", "deal_features"))
            open_deals = store.to_pandas(with_deal_features(*features).order_by(KEY))
            values = store.to_pandas(forecast.expected_values(known))
            scored = scoring.win_predictions(open_deals, values, snapshot, model, month, memo)
            store.write(WIN_PREDICTIONS.name, scored, WIN_PREDICTIONS.arrow, month)
            expected = forecast.revenue_forecast(scored, snapshot, month, used, memo)
            store.write(REVENUE_FORECAST.name, expected, REVENUE_FORECAST.arrow, month)
            for table in (WIN_PREDICTIONS, REVENUE_FORECAST):
                keep_said(store, table.name, month)
        day = current.day_of(settings.as_of, deals, last)
        today = current.current_predictions(deals, day, used)
        store.write(CURRENT_PREDICTIONS.name, today, CURRENT_PREDICTIONS.arrow)


def make_tables(store: TableStore) -> tuple[ir.Table, str]:
    """Make the raw tables to the training set, month by month, for the source and months of the settings.

    Returns:
        The deals, and the data horizon.
    """
    settings = get_settings()
    source = select_source(settings)
    months = month_range(settings, source)
    for name, taken in source.take(*RAW_TABLES).items():
        store.write(name, taken.rows, taken.rows.schema)
    deals = cleaning.opportunities({table.name: store.read(table.name) for table in RAW_TABLES}, months.first)
    store.write("opportunities", deals, OPPORTUNITIES.arrow)
    deals = store.read("opportunities")
    last = horizon(deals, settings.last_month)
    for table, query in (
        (MONTHLY_SNAPSHOTS, monthly_snapshots(deals, months)),
        (WIN_FEATURES, monthly_features(deals, months, last)),
        (DEAL_FEATURES_TABLE, monthly_deal_features(deals, months)),
    ):
        list(store.write_months(table.name, query, table.arrow))
    features = (store.read(name, list(months)) for name in ("win_features", "deal_features"))
    labeled = training.training_set(with_deal_features(*features), deals)
    store.write("training_set", labeled, TRAINING_SET.arrow)
    return deals, last


def snapshots_of(store: TableStore) -> Callable[[str], pd.DataFrame]:
    """Return a function that reads the columns of a month's snapshot that algorithms need."""
    from crm_assets.modeling.algorithms import needed_of
    from crm_assets.modeling.frames import coded

    def read(month: str) -> pd.DataFrame:
        return coded(needed_of(store.read(MONTHLY_SNAPSHOTS.name, [month])).to_pyarrow())

    return read


if __name__ == "__main__":
    main(Path(sys.argv[1]))
