"""`CRM_DATA_DIR=... python -m benchmarks.tuning [TRIALS [DATA]]`: measure what a search is worth.

The data sets are the dump in `CRM_DATA_DIR`, the synthetic sample, and a company that grows, for 16 months;
DATA measures one of them and only prints the lines. The search sees
the validation months only; the test months are scored afterwards, before and after. `--workers [TRIALS]`
instead runs a small search in one process, in two, and in two of which one is killed, and compares their
trials. Both write their tables into README.md.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from benchmarks.forecast import Backtested, backtested
from benchmarks.growing import Company, write_growing
from benchmarks.plain_script import snapshots_of
from benchmarks.report import MODELS, write_section
from crm_assets.modeling import bootstrap, tuning
from crm_assets.modeling.algorithms import algorithm
from crm_assets.modeling.backtest import walk_forward
from crm_assets.modeling.calibration import calibrate_walk_forward, choose_calibration
from crm_assets.modeling.folds import Split
from crm_assets.modeling.metrics import label_of, pooled
from crm_assets.modeling.training_rows import MONTH
from crm_assets.modeling.tuning import Outcome, Task
from crm_assets.settings import get_settings
from crm_assets.sources.base import Source
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample
from crm_assets.tuning.search import Budget, Search
from dev import toy_search
from dev.postgres_server import postgres_server

# What users named first, and what was there before the hazard.
NAMES = ("logistic_regression", "random_forest", "xgboost", "gradient_boosting")
# Enough months to choose on, few enough that a search takes minutes.
SHORT = Company(days=490)
PACKAGES = (*MODELS, "optuna")
HEADS = (
    "data | algorithm | trials, complete | validation ROC AUC before | best | gain | ± | held out | "
    "adopted | validation Brier before | best | test ROC AUC before | ± | best | test Brier before | best | "
    "CPU s"
)


def main(folder: Path, trials: int, only: str = "") -> None:
    """Tune on three data sets, print the table, and write it into README.md."""
    settings = get_settings()
    sources: dict[str, Source] = {
        "sample": SyntheticSample(settings.sample_opportunities, settings.sample_seed),
        "growing": CsvFolder(write_growing(folder / "growing-dump", SHORT), "growing"),
    }
    if settings.data_dir is not None:
        sources = {"dump": CsvFolder(settings.data_dir, "dump"), **sources}
    lines = [f"| {HEADS} |", f"|{' --- |' * (HEADS.count('|') + 1)}"]
    for data, source in sources.items():
        if only not in ("", data):
            continue
        made = backtested(source, folder / data)
        for line in _tuned(data, made, folder, trials):
            print(line, flush=True)
            lines.append(line)
    if not only:
        write_section("tuning", "\n".join(lines), PACKAGES)


def _tuned(data: str, made: Backtested, folder: Path, trials: int) -> Iterator[str]:
    split, features = made.chosen.split, made.chosen.features
    seed, known_at = get_settings().seed, snapshots_of(made.store)
    for name in NAMES:
        row, start = algorithm(name), time.process_time()
        task = Task(row, made.rows, features, split.validation, seed, known_at, data)
        search, budget = Search(task, f"sqlite:///{folder}/{data}.db"), Budget(trials)
        search.work(budget)
        found = tuning.outcome(task, search.finished(budget))
        seconds = time.process_time() - start
        best = row.tuned(found.best.parameters)
        after = walk_forward(best, made.rows, features, split.scored, seed, None, known_at)
        yield _line(data, name, found, (made.backtests[name], after), split, seconds)


def _line(
    data: str,
    name: str,
    found: Outcome,
    scores: tuple[pd.DataFrame, pd.DataFrame],
    split: Split,
    seconds: float,
) -> str:
    before, after = (_test(one, split) for one in scores)
    tested, label = scores[0][scores[0][MONTH].isin(split.test)], label_of(scores[0])
    complete = sum(trial.value is not None for trial in found.trials)
    cells = [
        data,
        name,
        f"{len(found.trials)}, {complete}",
        f"{found.before['roc_auc']:.4f}",
        f"{found.after['roc_auc']:.4f}",
        f"{found.gain:+.4f}",
        f"{found.error:.4f}",
        f"{found.held_out:+.4f}",
        "yes" if found.adopted else "no",
        f"{found.before['brier']:.4f}",
        f"{found.after['brier']:.4f}",
        f"{before['roc_auc']:.4f}",
        f"{bootstrap.auc_standard_error(tested, label):.4f}",
        f"{after['roc_auc']:.4f}",
        f"{before['brier']:.4f}",
        f"{after['brier']:.4f}",
        f"{seconds:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _test(scores: pd.DataFrame, split: Split) -> dict[str, float]:
    """Return the metrics of the test months, calibrated as the leaderboard reports them."""
    calibration = choose_calibration(scores, split)
    return pooled(calibrate_walk_forward(scores, split, split.test, calibration=calibration), split.test)


def workers(folder: Path, trials: int) -> None:
    """Run one small search in several ways, and say whether their trials are the same."""
    lines = ["| workers | database | same trials | best trial | ROC AUC | seconds |", f"|{' --- |' * 6}"]
    first: list[tuning.Trial] = []
    with ExitStack() as opened:
        server = opened.enter_context(postgres_server())
        file = f"sqlite:///{folder}"
        ways = {
            "one": (f"{file}/one.db", None),
            "two": (f"{file}/two.db", -1),
            "two, one killed in its 30th trial": (server, 30),
        }
        for way, (storage, dies_in) in ways.items():
            start = time.monotonic()
            found = _worked(storage, trials, dies_in)
            first = first or found
            best = max((t for t in found if t.value is not None), key=lambda t: (t.value or 0, -t.number))
            same = "yes" if found == first else "NO"
            database = storage.partition(":")[0].partition("+")[0]
            seconds = time.monotonic() - start
            lines.append(
                f"| {way} | {database} | {same} | {best.number} | {best.value!r} | {seconds:.0f} |",
            )
            print(lines[-1], flush=True)
    write_section("tuning-workers", "\n".join(lines), ("optuna", "scikit-learn"))


def _worked(storage: str, trials: int, dies_in: int | None) -> list[tuning.Trial]:
    if dies_in is None:
        return toy_search.searched(toy_search.task(), storage, trials)
    # Make the tables before two processes would.
    Search(toy_search.task(), storage, toy_search.HEARTBEAT)
    command = [sys.executable, "-m", "dev.toy_search", storage, str(trials), str(dies_in)]
    with subprocess.Popen(command) as other:
        found = toy_search.searched(toy_search.task(), storage, trials)
        code = other.wait()
    if code != (0 if dies_in < 0 else -signal.SIGKILL):
        raise RuntimeError(f"The other worker ended with code {code}.")
    return found


if __name__ == "__main__":
    asked = [argument for argument in sys.argv[1:] if argument != "--workers"]
    with tempfile.TemporaryDirectory() as scratch:
        if "--workers" in sys.argv:
            workers(Path(scratch), int([*asked, "200"][0]))
        else:
            main(Path(scratch), int([*asked, "24"][0]), "".join(asked[1:]))
