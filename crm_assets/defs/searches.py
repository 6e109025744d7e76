"""Searches for better parameters: what a worker needs, how the budget is divided, and the worker itself.

`python -m crm_assets.defs.searches ALGORITHM` is a worker: it joins the search on the stored tables.
"""

import argparse
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

import ibis.expr.types as ir
import pandas as pd

from crm_assets.crm.tables import LEAK_AUDIT, MONTHLY_SNAPSHOTS, TRAINING_SET
from crm_assets.defs.assets.training_inputs import code_of, snapshot_of, split_now
from crm_assets.defs.partitions import monthly, source
from crm_assets.errors import SettingsError
from crm_assets.modeling.algorithm import SNAPSHOT, Algorithm
from crm_assets.modeling.algorithms import algorithm as by_name
from crm_assets.modeling.training_rows import TrainingRows, training_rows
from crm_assets.settings import Settings, get_settings
from crm_assets.storage.tables import TableStore

if TYPE_CHECKING:
    from crm_assets.modeling.tuning import Outcome, Task
    from crm_assets.tuning.search import Budget, Search


def task_of(
    algorithm: Algorithm, rows: TrainingRows, leak_audit: pd.DataFrame, snapshots: dict[str, ir.Table]
) -> "Task":
    """Return the task of a search on the graph's tables.

    Raises:
        NotEnoughDataError: there are too few months for models.
    """
    from crm_assets.modeling.leak_audit import admissible_features
    from crm_assets.modeling.tuning import Task

    return Task(
        algorithm,
        rows,
        admissible_features(leak_audit),
        split_now(rows).validation,
        get_settings().seed,
        snapshot_of(snapshots),
        source().identity,
        code_of(algorithm),
    )


def stored_task(store: TableStore, algorithm: Algorithm) -> "Task":
    """Return the task of a search on the stored tables.

    Raises:
        StorageError: a table is not stored.
    """
    snapshots = {}
    if algorithm.learns_from == SNAPSHOT:
        stored = set(store.months(MONTHLY_SNAPSHOTS.name))
        months = [month for month in monthly.get_partition_keys() if month in stored]
        snapshots[MONTHLY_SNAPSHOTS.name] = store.read(MONTHLY_SNAPSHOTS.name, months)
    rows = training_rows(store.path(TRAINING_SET.name))
    return task_of(algorithm, rows, store.to_pandas(store.read(LEAK_AUDIT.name)), snapshots)


def budget_of(algorithm: str, tuned: list[str]) -> "Budget":
    """Return an algorithm's share of the budget of a run.

    Args:
        algorithm: its name.
        tuned: the names of all algorithms that the run tunes.
    """
    from crm_assets.tuning.search import Budget

    settings, place = get_settings(), sorted(tuned).index(algorithm)
    trials = settings.tune_trials // len(tuned) + (place < settings.tune_trials % len(tuned))
    seconds = settings.tune_seconds
    # Fewer than two trials are no search.
    return Budget(max(trials, 2), None if seconds is None else seconds / len(tuned))


def opened(task: "Task") -> "Search":
    """Open the search for a task, new or begun.

    Raises:
        SettingsError: Optuna is not installed.
        SourceUnavailableError: the database of searches does not work.
    """
    settings = _settings_of_searches()
    from crm_assets.tuning.search import Search

    return Search(task, settings.searches_uri, settings.tune_heartbeat)


def _settings_of_searches() -> Settings:
    if find_spec("optuna") is None:
        raise SettingsError("Optuna is not installed, which searches: run pip install 'crm_assets[tuning]'.")
    get_settings().home.mkdir(parents=True, exist_ok=True)
    return get_settings()


def searched(search: "Search", budget: "Budget", say: Callable[[str], None]) -> "Outcome":
    """Run a search with as many workers as settings say, and compare the best with the algorithm as it is.

    Args:
        search: the search.
        budget: when it ends.
        say: told now and then how far it is.
    """
    import os

    from crm_assets.modeling.tuning import outcome
    from crm_assets.tuning.team import work_together

    command = [sys.executable, "-m", __name__, search.task.algorithm.name, "--parent", str(os.getpid())]
    if budget.seconds is not None:
        command += ["--seconds", str(budget.seconds)]
    work_together(search, budget, get_settings().tune_workers, command, say)
    return outcome(search.task, search.finished(budget))


def join(algorithm: str, say: Callable[[str], None], seconds: float | None = None, parent: int = 0) -> None:
    """Work on the search for an algorithm that another process leads, until no trial is left.

    Args:
        algorithm: its name.
        say: told what happens, in sentences.
        seconds: after how many seconds this worker starts no other trial.
        parent: the process with which this one ends; 0 for none.

    Raises:
        SettingsError: there is no such algorithm, or Optuna is not installed.
        StorageError: the tables that models learn from are not stored.
        SearchError: nobody leads a search on the same data, settings and code.
    """
    row, settings = tunable(algorithm), _settings_of_searches()
    from crm_assets.storage.choice import open_store
    from crm_assets.tuning import team

    task = stored_task(open_store(settings), row)
    team.join(task, settings.searches_uri, settings.tune_heartbeat, say, seconds, team.orphaned(parent))


def tunable(name: str) -> Algorithm:
    """Return the row of an algorithm that has a search space and takes part in the choice.

    Raises:
        SettingsError: there is none; the error lists those that exist.
    """
    from crm_assets.modeling.algorithms import in_force

    known = [row.name for row in in_force(get_settings().more_algorithms) if row.space]
    if name not in known:
        raise SettingsError(f"{name} is no algorithm that can be tuned; there are {', '.join(known)}.")
    return by_name(name)


def main(arguments: list[str] | None = None) -> None:
    """Be a worker, as the command line says."""
    line = argparse.ArgumentParser(prog=f"python -m {__name__}")
    line.add_argument("algorithm")
    line.add_argument("--seconds", type=float)
    line.add_argument("--parent", type=int, default=0)
    asked = line.parse_args(arguments)
    join(asked.algorithm, _nothing, asked.seconds, asked.parent)


def _nothing(_: str) -> None:
    """Say nothing: the process that leads the search tells the result."""


if __name__ == "__main__":
    main()
