"""A person who waits for a search sees how far it is."""

from __future__ import annotations

import time

import optuna
import pytest

from crm_assets.tuning.pace import Pace


def test_the_rest_follows_from_what_this_worker_has_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    now, told = [0.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    found = {number: optuna.create_trial(value=0.6 + number / 100) for number in range(6)}
    pace = Pace(20, 10_000, told.append)
    # Four trials are from an earlier run, and say nothing about the pace of this one.
    pace.tell({number: found[number] for number in range(4)})
    now[0] = 5.0
    pace.tell({number: found[number] for number in range(5)})
    assert told == []
    now[0] = 240.0
    pace.tell(found)
    now[0] = 241.0
    pace.tell(found)
    assert told == ["6 of 20 trials, AUC 0.6000 to 0.6500, 28 min left"]


def test_a_limit_of_time_shortens_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    now, told = [0.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pace = Pace(20, 150, told.append)
    pace.tell({})
    now[0] = 100.0
    pace.tell({1: optuna.create_trial(value=0.5)})
    assert told == ["1 of 20 trials, 1 min left"]
