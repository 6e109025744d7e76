"""A search gives the same trials whoever runs it: one process, several, killed ones, on either database."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from crm_assets.errors import NotEnoughDataError, SourceUnavailableError
from crm_assets.modeling.tuning import COMPLETE, PRUNED, Trial, outcome
from crm_assets.tuning.search import Budget, Search
from dev import toy_search as toy
from dev.postgres_server import postgres_server
from dev.stack.postgres import find_programs
from dev.waiting import wait_until

# Two generations and a part of a third.
TRIALS = 21


@pytest.fixture(scope="module")
def own_storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the database of the search that one process runs alone."""
    return f"sqlite:///{tmp_path_factory.mktemp('alone')}/tuning.db"


@pytest.fixture(scope="module")
def alone(own_storage: str) -> list[Trial]:
    """Return the trials of one process."""
    return toy.searched(toy.task(), own_storage, TRIALS)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Yield the address of a database on a server."""
    if find_programs() is None:
        pytest.skip("PostgreSQL's server is not installed")
    with postgres_server() as address:
        yield address


def test_a_search_starts_with_the_algorithm_as_it_is_and_prunes_from_the_second_generation_on(
    alone: list[Trial],
) -> None:
    assert [trial.number for trial in alone] == list(range(TRIALS))
    assert alone[0].parameters == toy.task().algorithm.defaults
    assert {trial.state for trial in alone[:10]} == {COMPLETE}
    pruned = [trial for trial in alone if trial.state == PRUNED]
    assert pruned
    assert all(list(trial.months) == toy.VALIDATION[: len(trial.months)] for trial in alone)
    assert all(len(trial.months) < len(toy.VALIDATION) for trial in pruned)
    assert len({str(trial.parameters) for trial in alone}) == TRIALS


@pytest.mark.parametrize("killed", [False, True], ids=["on SQLite", "on PostgreSQL, and one is killed"])
def test_two_processes_run_the_same_trials_as_one(
    alone: list[Trial], killed: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    storage = request.getfixturevalue("server") if killed else f"sqlite:///{tmp_path}/tuning.db"
    # In the middle of its fourth trial.
    dies_in = 3 if killed else -1
    # Its tables must be there before two processes would make them.
    search = Search(toy.task(), storage, toy.HEARTBEAT)
    worker = [sys.executable, "-m", "dev.toy_search", storage, str(TRIALS), str(dies_in)]
    other = subprocess.Popen(worker, cwd=request.config.rootpath)
    wait_until(lambda: other.poll() is not None or bool(search.study.trials), "the other worker")
    trials = toy.searched(toy.task(), storage, TRIALS)
    assert other.wait() == (-signal.SIGKILL if killed else 0)
    assert trials == alone
    lost = [t for t in search.study.trials if t.state == TrialState.FAIL and t.intermediate_values]
    # On a busy machine, a worker that lives may be taken for dead as well.
    assert lost or not killed


def test_a_search_goes_on_where_it_stopped(alone: list[Trial], tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/tuning.db"
    assert toy.searched(toy.task(), storage, 5) == alone[:5]
    assert toy.searched(toy.task(), storage, 12) == alone[:12]
    # What is there is not run again, and a smaller budget sees only its own part.
    with_all = len(Search(toy.task(), storage).study.trials)
    assert toy.searched(toy.task(), storage, 3) == alone[:3]
    assert len(Search(toy.task(), storage).study.trials) == with_all


def test_what_happens_in_the_test_months_changes_nothing(alone: list[Trial], tmp_path: Path) -> None:
    table = toy.rows().table
    later = ~table["snapshot_month"].isin([*toy.MONTHS[:3], *toy.VALIDATION])
    assert later.sum() == 2 * toy.DEALS
    table.loc[later, "won_next_month"] = 1 - table.loc[later, "won_next_month"]
    table.loc[later, "agent_win_rate"] = 0.0
    changed = toy.task(type(toy.rows())(table))
    storage = f"sqlite:///{tmp_path}/tuning.db"
    trials = toy.searched(changed, storage, 12)
    assert trials == alone[:12]
    one, other = outcome(toy.task(), trials), outcome(changed, trials)
    assert (one.best, one.gain, one.error) == (other.best, other.gain, other.error)
    # But the search is another one: what it has seen is recorded by the whole training set.
    assert len(optuna.get_all_study_names(storage)) == 1
    assert Search(toy.task(), storage).finished(Budget(12)) == []


def test_a_worker_that_was_taken_for_dead_gives_way(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/tuning.db"
    search = Search(toy.task(), storage, toy.HEARTBEAT)
    months: list[str] = []

    class Paused(type(search.task)):  # ty: ignore[unsupported-base]
        def predictions(self, parameters, month):  # noqa: ANN001, ANN202
            months.extend(month)
            if months.count(toy.VALIDATION[1]) == 1 and month == toy.VALIDATION[1:2]:
                # Meanwhile another worker decides that this one is dead.
                running = [t for t in search.study.trials if t.state == TrialState.RUNNING]
                storage_of = search.study._storage
                storage_of.set_trial_state_values(running[0]._trial_id, state=TrialState.FAIL)
            return super().predictions(parameters, month)

    given = search.task
    paused = Paused(given.algorithm, given.rows, given.features, given.months, given.seed, None, "toy", "1")
    search.task = paused
    search.work(Budget(3))
    assert [trial.number for trial in search.finished(Budget(3))] == [0, 1, 2]
    assert [t.state for t in search.study.trials].count(TrialState.FAIL) == 1


def test_a_worker_that_was_taken_for_dead_when_its_trial_was_over_gives_way(tmp_path: Path) -> None:
    search = Search(toy.task(), f"sqlite:///{tmp_path}/tuning.db", toy.HEARTBEAT)
    scored, told = search._objective, []

    def late(trial: optuna.Trial) -> float:
        value = scored(trial)
        if not told:
            told.append(trial.number)
            search.study._storage.set_trial_state_values(trial._trial_id, state=TrialState.FAIL)
        return value

    search._objective = late
    search.work(Budget(2))
    assert [trial.number for trial in search.finished(Budget(2))] == [0, 1]
    assert search.ran == 2


def test_a_search_without_time_says_so(tmp_path: Path) -> None:
    search = Search(toy.task(), f"sqlite:///{tmp_path}/tuning.db")
    search.work(Budget(10, seconds=1e-9))
    with pytest.raises(NotEnoughDataError, match=r"ended before its first trial did.*CRM_TUNE_SECONDS"):
        outcome(search.task, search.finished(Budget(10)))


def test_without_both_outcomes_nothing_is_searched(tmp_path: Path) -> None:
    table = toy.rows().table
    table.loc[table["snapshot_month"].isin(toy.VALIDATION), "won_next_month"] = 0
    search = Search(toy.task(type(toy.rows())(table)), f"sqlite:///{tmp_path}/tuning.db")
    with pytest.raises(NotEnoughDataError, match="No deal, or every deal, is won"):
        search.work(Budget(2))


@pytest.mark.parametrize(
    "storage", ["postgresql+psycopg2://me:secret@127.0.0.1:9/tuning", "nosuch://x", "sqlite:////nosuch/x.db"]
)
def test_a_database_that_does_not_work_is_told_without_its_password(storage: str) -> None:
    with pytest.raises(SourceUnavailableError, match="CRM_TUNE_STORAGE") as told:
        Search(toy.task(), storage)
    assert "secret" not in str(told.value)


def test_the_importance_of_parameters_needs_trials_that_differ(alone: list[Trial], own_storage: str) -> None:
    search = Search(toy.task(), own_storage)
    weights = search.importance(Budget(8))
    assert set(weights) == set(alone[0].parameters)
    assert sum(weights.values()) == pytest.approx(1)
    assert search.importance(Budget(2)) == {}
    assert replace(alone[0], value=None).state == PRUNED
