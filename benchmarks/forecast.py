"""`CRM_DATA_DIR=... python -m benchmarks.forecast`: measure chances, totals and intervals on three data sets.

The data sets are the dump in `CRM_DATA_DIR`, the synthetic sample, and a company that grows
(`benchmarks.growing`). All is walked forward: the forecast of a month is what a run at its end would store.
Writes its tables into README.md.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.forecast_blends import blends
from benchmarks.forecast_ranking import top_lines
from benchmarks.forecast_totals import Walked, coverage, hindsight, totals
from benchmarks.growing import write_growing
from benchmarks.plain_script import snapshots_of
from benchmarks.report import MODELS, write_section
from crm_assets.crm import cleaning
from crm_assets.crm.features import monthly_features
from crm_assets.crm.horizon import horizon
from crm_assets.crm.schema import RAW_TABLES
from crm_assets.crm.snapshots import monthly_snapshots
from crm_assets.crm.tables import MONTHLY_SNAPSHOTS, OPPORTUNITIES, WIN_FEATURES
from crm_assets.crm.targets import TARGETS, Target
from crm_assets.modeling import backtest, bootstrap, champion, folds, frames, leak_audit, scoring, training
from crm_assets.modeling.algorithm import TRAINING_ROWS, Algorithm
from crm_assets.modeling.algorithms import ALGORITHMS, algorithm
from crm_assets.modeling.calibration import calibrate_walk_forward, choose_calibration
from crm_assets.modeling.forecast import expected_values, revenue_forecast
from crm_assets.modeling.metrics import scores
from crm_assets.modeling.outlook.history import History, needed
from crm_assets.modeling.training_rows import MONTH, HeldRows
from crm_assets.settings import get_settings
from crm_assets.sources.base import Source
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore

THREE = next(target for target in TARGETS if target.months == 3)


@dataclass(frozen=True)
class Measured:
    """One data set, walked forward.

    Attributes:
        name: its name.
        store: its tables.
        split: validation and test months.
        rows: labeled rows.
        features: the features that the audit admits.
        backtests: uncalibrated walk-forward scores by algorithm.
        predictions: `win_predictions` by month.
        forecasts: `revenue_forecast` by month.
        last: the last month's history, with all that came.
    """

    name: str
    store: TableStore
    split: folds.Split
    rows: HeldRows
    features: list[str]
    backtests: dict[str, pd.DataFrame]
    predictions: dict[str, pd.DataFrame]
    forecasts: dict[str, pd.DataFrame]
    last: History


def main(folder: Path) -> None:
    """Measure the three data sets, print the tables, and write them into README.md."""
    settings = get_settings()
    sources: dict[str, Source] = {
        "sample": SyntheticSample(settings.sample_opportunities, settings.sample_seed),
        "growing": CsvFolder(write_growing(folder / "growing-dump"), "growing"),
    }
    if settings.data_dir is not None:
        sources = {"dump": CsvFolder(settings.data_dir, "dump"), **sources}
    measured = [measure(name, source, folder / name) for name, source in sources.items()]
    walked = [Walked(one.name, one.split, one.forecasts, one.last, one.features) for one in measured]
    parts = [_chances(measured), blends({one.name: (one.split, one.backtests) for one in measured})]
    parts += [totals(walked), hindsight(walked), coverage(walked)]
    parts.append(top_lines([(one.name, one.split, one.predictions, one.last) for one in measured]))
    text = "\n\n".join(parts)
    print(text)
    write_section("forecast", text, MODELS)


@dataclass(frozen=True)
class Backtested:
    """One data set with the walk-forward scores of all algorithms.

    Attributes:
        store: its tables.
        rows: labeled rows.
        chosen: the candidate, with the features that the audit admits and the split.
        backtests: uncalibrated walk-forward scores by algorithm.
        last: the last month of the data.
    """

    store: TableStore
    rows: HeldRows
    chosen: champion.Candidate
    backtests: dict[str, pd.DataFrame]
    last: str


def backtested(source: Source, folder: Path, algorithms: Sequence[Algorithm] = ALGORITHMS) -> Backtested:
    """Make the tables of a source, and score every month that can be scored by every algorithm."""
    store, months = TableStore(Folder(folder)), source.month_range()
    raw = {}
    for table, taken in source.take(*RAW_TABLES).items():
        store.write(table, taken.rows, taken.rows.schema)
        raw[table] = store.read(table)
    store.write("opportunities", cleaning.opportunities(raw, months.first), OPPORTUNITIES.arrow)
    deals = store.read("opportunities")
    last = horizon(deals, None)
    for table, query in (
        (MONTHLY_SNAPSHOTS, monthly_snapshots(deals, months)),
        (WIN_FEATURES, monthly_features(deals, months, last)),
    ):
        list(store.write_months(table.name, query, table.arrow))
    rows = HeldRows(store.to_pandas(training.training_set(store.read("win_features", list(months)), deals)))
    settings, known_at, models = get_settings(), snapshots_of(store), folds.FoldModels()
    seed = settings.seed
    split = folds.split_months(rows.months, settings.min_training_months, settings.test_months)
    known = store.to_pandas(deals.select([name for name in leak_audit.DEAL_COLUMNS if name in deals.columns]))
    audit = leak_audit.leak_audit(rows, known, last, validation=split.validation, seed=seed)
    features = leak_audit.admissible_features(audit)
    backtests = {
        row.name: backtest.walk_forward(row, rows, features, split.scored, seed, models, known_at)
        for row in algorithms
    }
    chosen = champion.candidate(rows, features, backtests, split, seed, models, known_at)
    return Backtested(store, rows, chosen, backtests, last)


def measure(
    name: str, source: Source, folder: Path, algorithms: Sequence[Algorithm] = ALGORITHMS
) -> Measured:
    """Make the tables of a source, and the predictions and forecasts of every scored month."""
    made = backtested(source, folder, algorithms)
    store, rows, chosen, last = made.store, made.rows, made.chosen, made.last
    features, split = chosen.features, chosen.split
    model = scoring.Champion("1", chosen.algorithm, chosen.model, features, rows.months, chosen.explained)
    memo: dict[object, object] = {}
    predictions, forecasts = {}, {}
    for month in [*split.scored, last]:
        snapshot = store.read("monthly_snapshots", [month])
        coded = frames.coded(needed(snapshot).to_pyarrow())
        values = store.to_pandas(expected_values(snapshot))
        of_month = store.to_pandas(store.read("win_features", [month]))
        predictions[month] = scoring.win_predictions(of_month, values, coded, model, month, memo)
        forecasts[month] = revenue_forecast(predictions[month], coded, month, features, memo)
    end = History.of(frames.coded(needed(store.read("monthly_snapshots", [last])).to_pyarrow()), last)
    return Measured(name, store, split, rows, features, made.backtests, predictions, forecasts, end)


def _chances(measured: list[Measured]) -> str:
    lines = [
        "| data | months ahead | scores | months | ROC AUC | ± | Brier | log loss | ECE | calibration |",
        f"|{' --- |' * 10}",
    ]
    for one in measured:
        for name, found in one.backtests.items():
            lines += _scored(one.name, 1, name, found, one.split, TARGETS[0])
        for name, found, split in _three_months(one):
            lines += _scored(one.name, 3, name, found, split, THREE)
    return "\n".join(lines)


def _three_months(one: Measured) -> Iterator[tuple[str, pd.DataFrame, folds.Split]]:
    """Yield the scores of the hazard, of its one-month score, and of the others on the longer label."""
    table = one.rows.table[one.rows.table[THREE.name].notna()]
    rows = HeldRows(table.astype({THREE.name: "int64"}), THREE)
    known, seed = snapshots_of(one.store), get_settings().seed
    months = [m for m in rows.months if len(rows.labeled(m)) and m in one.predictions]
    split = folds.Split([], months[:-3], months[-3:])
    hazard = algorithm("closing_hazard")
    parts = []
    for month in months:
        fitted = hazard.build(one.features, seed).fit(known(month))
        deals = rows.rows([month])
        chance = fitted.won_within(hazard.matrix(deals, one.features), [1, 3])
        parts.append(
            deals[[MONTH, "opportunity_id", THREE.name]].assign(one=chance[:, 0], three=chance[:, 1])
        )
    both = pd.concat(parts, ignore_index=True)
    yield "closing_hazard", both.assign(probability=both["three"]), split
    yield "its one-month score", both.assign(probability=both["one"]), split
    for row in ALGORITHMS:
        if row.learns_from == TRAINING_ROWS:
            yield row.name, backtest.walk_forward(row, rows, one.features, months, seed), split


def _scored(
    data: str, ahead: int, name: str, found: pd.DataFrame, split: folds.Split, target: Target
) -> Iterator[str]:
    chosen = choose_calibration(found, split, target)
    calibrated = calibrate_walk_forward(found, split, split.test, target, chosen)
    for months, table, how in (
        ("validation", found[found[MONTH].isin(split.validation)], "-"),
        ("test", calibrated, chosen.name),
    ):
        if table.empty:
            continue
        said = scores(table[target.name].to_numpy(dtype="int64"), table["probability"].to_numpy())
        error = bootstrap.auc_standard_error(table, target.name)
        shown = [f"{said[metric]:.3f}" for metric in ("roc_auc", "brier", "log_loss", "ece")]
        shown.insert(1, f"{error:.3f}")
        label = f"{months} ({len(set(table[MONTH]))})"
        yield f"| {data} | {ahead} | {name} | {label} | {' | '.join(shown)} | {how} |"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
