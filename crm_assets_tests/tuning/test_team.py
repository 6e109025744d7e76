"""Whoever joins a search works on that one, and never on one of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from crm_assets.errors import SearchError, SourceUnavailableError
from crm_assets.modeling.tuning import Task
from crm_assets.tuning.search import Budget, Search
from crm_assets.tuning.team import join, led, orphaned
from dev import toy_search as toy

TRIALS = 3
NAME = "logistic_regression"
# A worker waits for four of them.
HEARTBEAT = 1


def said(task: Task, storage: str, stop: Callable[[], bool] = lambda: False) -> str:
    """Join a search, and return what the worker says."""
    told: list[str] = []
    join(task, storage, HEARTBEAT, told.append, stop=stop)
    return " ".join(told)


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/tuning.db"


def test_a_worker_runs_the_trials_of_a_search_that_another_process_leads(storage: str) -> None:
    search = Search(toy.task(), storage, HEARTBEAT)
    with led(search, Budget(TRIALS)):
        told = said(toy.task(), storage)
    assert told == f"This worker ran 3 trials of the search for {NAME}; 3 of 3 are done."
    assert [trial.number for trial in search.finished(Budget(10))] == [0, 1, 2]
    # Afterwards there is nothing to do.
    assert said(toy.task(), storage).startswith(f"The search for {NAME} has all its 3 trials already")


def test_a_worker_starts_nothing_in_a_search_that_has_ended(storage: str) -> None:
    search = Search(toy.task(), storage, HEARTBEAT)
    with led(search, Budget(TRIALS)):
        pass
    assert "has ended, with 0 of 3 trials: start it again" in said(toy.task(), storage)
    with led(search, Budget(TRIALS)):
        assert "ran 0 trials" in said(toy.task(), storage, stop=lambda: True)
    assert search.finished(Budget(TRIALS)) == []


def test_a_worker_waits_for_a_search_and_then_says_that_there_is_none(storage: str) -> None:
    told: list[str] = []
    with pytest.raises(SearchError, match=f"There is no search for {NAME}.*start it first.*CRM_TUNE_STORAGE"):
        join(toy.task(), storage, HEARTBEAT, told.append)
    assert told == [f"Nobody has started this search for {NAME}; this worker waits 4 s for it."]
    assert optuna.get_all_study_names(storage) == []


def test_a_worker_that_waits_joins_when_the_search_starts(storage: str) -> None:
    told: list[str] = []
    with ExitStack() as leader:

        def say(sentence: str) -> None:
            told.append(sentence)
            if len(told) == 1:
                # A leader that does nothing itself, as if it were killed at once.
                leader.enter_context(led(Search(toy.task(), storage, HEARTBEAT), Budget(TRIALS)))

        join(toy.task(), storage, HEARTBEAT, say)
    assert [sentence.split()[0] for sentence in told] == ["Nobody", "This"]
    assert "3 of 3 are done" in told[1]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"seed": 8}, r"Different are: CRM_SEED \(8 here, 7 there\)\. Give"),
        (
            {"source": "csv:b", "code": "2"},
            r"the source \(csv:b here, toy there\), the code of the algorithm",
        ),
        ({"rows": toy.rows(seed=6)}, r"the training set \(\w+ here, \w+ there\)\."),
        ({"months": toy.VALIDATION[:2]}, "the validation months"),
    ],
)
def test_a_worker_of_another_search_is_refused_with_what_differs(
    changed: dict[str, object], why: str, storage: str
) -> None:
    with (
        led(Search(toy.task(), storage, HEARTBEAT), Budget(TRIALS)),
        pytest.raises(SearchError, match=f"another one than this worker would join.*{why}"),
    ):
        join(replace(toy.task(), **changed), storage, HEARTBEAT, print)
    assert len(optuna.get_all_study_names(storage)) == 1


def test_a_database_that_goes_away_is_told(storage: str, tmp_path: Path) -> None:
    search = Search(toy.task(), storage, HEARTBEAT)

    def lose() -> bool:
        (tmp_path / "tuning.db").write_bytes(b"")
        search.study._storage.remove_session()
        return False

    with pytest.raises(
        SourceUnavailableError, match=r"database of searches.*does not work: .*CRM_TUNE_STORAGE"
    ):
        search.work(Budget(TRIALS), lose)


def test_a_worker_ends_with_the_process_that_started_it() -> None:
    assert not orphaned(0)()
    assert not orphaned(os.getppid())()
    assert orphaned(os.getpid())()
