"""A small search, for tests and benchmarks. As a program, a worker: `… STORAGE TRIALS [TRIAL TO DIE IN]`."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from crm_assets.modeling.algorithms import algorithm
from crm_assets.modeling.space import Parameters
from crm_assets.modeling.training_rows import HeldRows
from crm_assets.modeling.tuning import Task, Trial
from crm_assets.tuning.search import Budget, Search

MONTHS = [f"2020-{month:02d}" for month in range(1, 9)]
VALIDATION = MONTHS[3:6]
DEALS = 120
# Seconds between two signs of life: a killed worker is missed after four of them.
HEARTBEAT = 2


def rows(seed: int = 5) -> HeldRows:
    """Return months of deals whose chance to be won rises with one feature."""
    random = np.random.default_rng(seed)
    many = DEALS * len(MONTHS)
    rate = random.random(many)
    table = pd.DataFrame(
        {
            "snapshot_month": np.repeat(MONTHS, DEALS),
            "opportunity_id": [f"D{number % 300:04d}" for number in range(many)],
            "agent_win_rate": rate,
            "list_price": random.random(many) * 1000,
            "product": random.choice(["a", "b", "c"], many),
            "won_next_month": (random.random(many) < 0.2 + 0.3 * rate).astype("int64"),
        }
    )
    return HeldRows(table)


@dataclass(frozen=True)
class Dying(Task):
    """A task whose process is killed in the middle of a trial."""

    dies_in: int = -1
    begun: list[str] = field(default_factory=list)

    def predictions(self, parameters: Parameters, months: list[str]) -> pd.DataFrame:
        self.begun.extend(months)
        if self.begun.count(VALIDATION[1]) > self.dies_in >= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().predictions(parameters, months)


def task(table: HeldRows | None = None, dies_in: int = -1) -> Task:
    """Return a search for a logistic regression."""
    features = ["agent_win_rate", "list_price", "product"]
    row = algorithm("logistic_regression")
    row = replace(row, space=tuple(one for one in row.space if one.name != "n_knots"))
    return Dying(row, table or rows(), features, VALIDATION, 7, source="toy", code="1", dies_in=dies_in)


def searched(one: Task, storage: str, trials: int) -> list[Trial]:
    """Run a search in this process, and return its trials without their times."""
    search, budget = Search(one, storage, HEARTBEAT), Budget(trials)
    search.work(budget)
    return [replace(trial, started=None, ended=None) for trial in search.finished(budget)]


if __name__ == "__main__":
    searched(task(dies_in=int([*sys.argv, "-1"][3])), sys.argv[1], int(sys.argv[2]))
