"""One search by several processes: the one that leads it, those that it starts, and those that join it."""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import optuna

from crm_assets.errors import SearchError
from crm_assets.modeling.tuning import Task
from crm_assets.settings import without_password
from crm_assets.tuning.database import HEARTBEATS_MISSED, opened, told
from crm_assets.tuning.identity import as_stored, difference, name_of
from crm_assets.tuning.pace import Say
from crm_assets.tuning.search import Budget, Search

log = logging.getLogger("dagster.crm_assets")

# The attributes of a search that say what decides its result, how many trials it has, and whether it goes on.
DECIDES, TRIALS, OPEN = "decides", "trials", "open"


def work_together(search: Search, budget: Budget, workers: int, command: Sequence[str], say: Say) -> None:
    """Lead a search: run it in this process, and in others that join it; return when no trial is left.

    A worker that fails or is killed loses at most its own trial, which another one runs again.

    Args:
        search: the search.
        budget: when it ends.
        workers: how many processes in all.
        command: starts a worker.
        say: told now and then how far the search is.
    """
    with led(search, budget):
        others = [subprocess.Popen(command) for _ in range(workers - 1)]  # noqa: S603
        try:
            search.work(budget, say=say)
            for other in others:
                if code := other.wait():
                    log.warning(f"A worker of the search ended with code {code}; the others ran its trials.")
        finally:
            for other in others:
                if other.poll() is None:
                    other.terminate()
                    other.wait()


@contextmanager
def led(search: Search, budget: Budget) -> Generator[None]:
    """Let others join a search until the block ends; if the leader is killed, they run all that is left."""
    with told(search.storage):
        search.study.set_user_attr(DECIDES, as_stored(search.task))
        search.study.set_user_attr(OPEN, True)
        # The last one, since a worker that waits looks for it.
        search.study.set_user_attr(TRIALS, budget.trials)
    try:
        yield
    finally:
        with told(search.storage):
            search.study.set_user_attr(OPEN, False)


def join(
    task: Task,
    storage: str,
    heartbeat: int,
    say: Say,
    seconds: float | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Work on a search that another process leads, until no trial is left or its leader ends it.

    Args:
        task: what is searched, as this worker sees it.
        storage: address of the database.
        heartbeat: seconds between two signs of life. If there is no search yet, wait for four of them.
        say: told what happens, in sentences.
        seconds: after how many seconds this worker starts no other trial.
        stop: asked between trials whether to end.

    Raises:
        SearchError: nobody leads a search for this task; it says what the newest one has different.
        SourceUnavailableError: the database does not work.
    """
    _await(task, storage, heartbeat, say)
    search, name = Search(task, storage, heartbeat), task.algorithm.name
    with told(storage):
        known = search.study.user_attrs
    trials = known[TRIALS]
    done = len(search.finished(Budget(trials)))
    if done == trials:
        say(f"The search for {name} has all its {trials} trials already: nothing is left to help with.")
        return
    if not known[OPEN]:
        say(f"The search for {name} has ended, with {done} of {trials} trials: start it again, then join it.")
        return
    search.work(Budget(trials, seconds), lambda: stop() or not search.study.user_attrs[OPEN], say)
    done = len(search.finished(Budget(trials)))
    say(f"This worker ran {search.ran} trials of the search for {name}; {done} of {trials} are done.")


def orphaned(parent: int) -> Callable[[], bool]:
    """Return whether the process that started this one is gone, as a function to ask between trials.

    Args:
        parent: its number; 0 if nobody is to be asked.
    """
    return lambda: bool(parent) and os.getppid() != parent


def _await(task: Task, storage: str, heartbeat: int, say: Say) -> None:
    """Wait for a while until somebody leads the search."""
    database, name = opened(storage, heartbeat), task.algorithm.name
    patience = HEARTBEATS_MISSED * heartbeat
    end, waits = time.monotonic() + patience, False
    while True:
        with told(storage):
            all_of_them = optuna.get_all_study_summaries(database, include_best_trial=False)
        # Each worker holds as few connections as it can: many share one server.
        database.engine.dispose()
        begun = {one.study_name: one.user_attrs for one in all_of_them}
        if TRIALS in begun.get(name_of(task), {}):
            return
        if time.monotonic() >= end:
            break
        if not waits:
            say(f"Nobody has started this search for {name}; this worker waits {patience} s for it.")
            waits = True
        time.sleep(min(1.0, heartbeat / 4))
    place = without_password(storage)
    others = [known for one, known in begun.items() if one.startswith(f"{name}-") and DECIDES in known]
    if not others:
        raise SearchError(
            f"There is no search for {name} in {place}: start it first (make tune ALGORITHM={name}, or "
            f"materialize tuned_{name}), with the same CRM_TUNE_STORAGE as here."
        )
    other = [*others, *(known for known in others if known.get(OPEN))][-1]
    raise SearchError(
        f"The search for {name} in {place} is another one than this worker would join. Different are: "
        f"{difference(as_stored(task), other[DECIDES])}. Give this worker the same settings, data, code and "
        "libraries, or start the search that it is to join."
    )
