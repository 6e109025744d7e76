"""What a search for better parameters maximizes, and when its result is adopted.

A configuration is scored by the project's own walk-forward on the validation months, which also choose the
champion. Test months are never touched. The best of many configurations looks better than it is, because the
same months chose it: its gain must exceed one standard error, and something must remain of it on months that
did not choose (`held_out_gain`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pandas as pd

from crm_assets.crm.tuning_table import TUNING
from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling.algorithm import Algorithm, Snapshot
from crm_assets.modeling.backtest import walk_forward
from crm_assets.modeling.bootstrap import auc_difference_error
from crm_assets.modeling.folds import Split
from crm_assets.modeling.metrics import auc_of_months, label_of, pooled
from crm_assets.modeling.space import Parameters, Value
from crm_assets.modeling.training_rows import TrainingRows

COMPLETE, PRUNED = "complete", "pruned"


@dataclass(frozen=True)
class Task:
    """What is searched, and on which deals.

    Attributes:
        algorithm: an algorithm with a search space.
        rows: the training set.
        features: the features that models may use.
        months: the validation months.
        seed: seed for everything random.
        snapshot: reads `monthly_snapshots` of a month, for algorithms that learn from them.
        source: identity of the source of the deals.
        code: version of the algorithm's code.
    """

    algorithm: Algorithm
    rows: TrainingRows
    features: list[str]
    months: list[str]
    seed: int
    snapshot: Snapshot | None = None
    source: str = ""
    code: str = ""

    def predictions(self, parameters: Parameters, months: list[str]) -> pd.DataFrame:
        """Return the walk-forward scores of some months, each scored by a model of earlier months."""
        row = self.algorithm.tuned(parameters)
        return walk_forward(row, self.rows, self.features, months, self.seed, None, self.snapshot)


@dataclass(frozen=True)
class Scored:
    """A configuration after one more month.

    Attributes:
        month: the month.
        roc_auc: the ROC AUC of its deals; NaN if all have the same outcome.
        so_far: the ROC AUC of all months so far, pooled.
    """

    month: str
    roc_auc: float
    so_far: float


@dataclass(frozen=True)
class Trial:
    """A finished configuration of a search.

    Attributes:
        number: its number; 0 is the algorithm without a search.
        parameters: the configuration.
        value: the pooled ROC AUC of all validation months; None if it was pruned.
        months: the ROC AUC of each month that was scored.
        started: when it started, if known.
        ended: when it ended.
    """

    number: int
    parameters: dict[str, Value]
    value: float | None
    months: dict[str, float] = field(default_factory=dict)
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def state(self) -> str:
        """`COMPLETE` or `PRUNED`."""
        return PRUNED if self.value is None else COMPLETE

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.started).total_seconds() if self.started and self.ended else math.nan


@dataclass(frozen=True)
class Outcome:
    """What a search found.

    Attributes:
        trials: all finished trials, in order of their numbers.
        best: the best complete one; of equal ones the first.
        gain: ROC AUC that it gains on the validation months over trial 0.
        error: standard error of the gain.
        held_out: see `held_out_gain`.
        adopted: whether the gain is larger than its error, and the held-out gain above 0 if there is one.
        before: validation metrics of trial 0.
        after: validation metrics of the best.
    """

    trials: list[Trial]
    best: Trial
    gain: float
    error: float
    held_out: float
    adopted: bool
    before: dict[str, float]
    after: dict[str, float]

    @property
    def said(self) -> str:
        """The result in a sentence."""
        return verdict(self.best.number, self.gain, self.error, self.held_out, len(self.trials))


def verdict(best: int, gain: float, error: float, held_out: float, trials: int) -> str:
    """Return the result of a search in a sentence, and why the best configuration is adopted or not.

    >>> verdict(3, 0.02, 0.01, math.nan, 12)
    'ROC AUC +0.0200 ± 0.0100 by 12 trials: adopted.'
    """
    if not best:
        return f"No configuration is better than the algorithm as it is ({trials} trials)."
    there = "" if math.isnan(held_out) else f"; {held_out:+.4f} on held-out months"
    told = "adopted" if is_adopted(gain, error, held_out) else "not adopted, since it is "
    if gain <= error:
        told += "no more than one standard error"
    elif held_out <= 0:
        told += "not better there"
    return f"ROC AUC {gain:+.4f} ± {error:.4f} by {trials} trials{there}: {told}."


def is_adopted(gain: float, error: float, held_out: float) -> bool:
    """Return whether a gain is larger than its error, and something remains on held-out months if any.

    >>> is_adopted(0.02, 0.01, math.nan), is_adopted(0.01, 0.02, 0.01), is_adopted(0.02, 0.01, -0.01)
    (True, False, False)
    """
    return bool(gain > error and not held_out <= 0)


def scored(task: Task, parameters: Parameters) -> Iterator[Scored]:
    """Score a configuration month by month, so that a search can stop early."""
    parts = []
    for month in task.months:
        parts.append(part := task.predictions(parameters, [month]))
        so_far = pd.concat(parts, ignore_index=True)
        (own,) = auc_of_months(part)["roc_auc"]
        yield Scored(month, float(own), pooled(so_far, task.months)["roc_auc"])


def outcome(task: Task, trials: Sequence[Trial]) -> Outcome:
    """Compare the best trial with trial 0 on the same deals.

    Raises:
        NotEnoughDataError: trial 0 is not finished.
    """
    ordered = sorted(trials, key=lambda trial: trial.number)
    if not ordered or ordered[0].number or ordered[0].value is None:
        raise NotEnoughDataError(
            f"The search for {task.algorithm.name} ended before its first trial did; give it more time "
            "(CRM_TUNE_SECONDS)."
        )
    complete = [(trial.value, trial) for trial in ordered if trial.value is not None]
    best = max(complete, key=lambda pair: (pair[0], -pair[1].number))[1]
    one = task.predictions(ordered[0].parameters, task.months)
    other = one if not best.number else task.predictions(best.parameters, task.months)
    before, after = pooled(one, task.months), pooled(other, task.months)
    gain, error = after["roc_auc"] - before["roc_auc"], 0.0
    if best.number:
        won = one[label_of(one)].to_numpy(dtype="float64")
        scores = (frame["probability"].to_numpy(dtype="float64") for frame in (other, one))
        error = auc_difference_error(one, won, *scores)
    held_out = held_out_gain([trial for _, trial in complete])
    adopted = is_adopted(gain, error, held_out)
    return Outcome(ordered, best, gain, error, held_out, adopted, before, after)


def held_out_gain(trials: Sequence[Trial]) -> float:
    """Return the mean gain over trial 0 on a month if the other months choose the trial.

    Choosing among many configurations rewards luck on the months that choose; a month that does not choose
    shows what is left (leave one month out). NaN if fewer than two months have a ROC AUC.

    Args:
        trials: complete trials, the first of them trial 0.

    >>> lucky = [Trial(0, {}, 0.7, {"a": 0.7, "b": 0.7}), Trial(1, {}, 0.75, {"a": 0.9, "b": 0.6})]
    >>> round(held_out_gain(lucky), 4)
    -0.05
    """
    months = [month for month, value in trials[0].months.items() if not math.isnan(value)]
    if len(months) < 2:
        return math.nan
    values = np.array([[trial.months[month] for month in months] for trial in trials])
    gains = []
    for place in range(len(months)):
        chosen = int(np.delete(values, place, axis=1).mean(axis=1).argmax())
        gains.append(values[chosen, place] - values[0, place])
    return float(np.mean(gains))


def table(task: Task, found: Outcome) -> pd.DataFrame:
    """Return the columns of `crm.tuning_table.TUNING`."""
    nothing = math.nan
    rows = []
    for trial in found.trials:
        best = trial.number == found.best.number
        rows.append(
            {
                "trial": trial.number,
                "state": trial.state,
                "validation_roc_auc": nothing if trial.value is None else trial.value,
                "months": len(trial.months),
                "parameters": as_text(trial.parameters),
                "best": best,
                "adopted": best and found.adopted,
                "gain": found.gain if best else nothing,
                "gain_se": found.error if best else nothing,
                "gain_held_out": found.held_out if best else nothing,
                "source": task.source,
                "code": task.code,
                "last_month": max(task.months),
            }
        )
    return pd.DataFrame(rows, columns=pd.Index(TUNING.names))


def as_text(parameters: Parameters) -> str:
    """Return a configuration as JSON."""
    return json.dumps(dict(parameters), sort_keys=True)


def adopted_row(
    algorithm: Algorithm, searched: pd.DataFrame, source: str, code: str, split: Split
) -> tuple[Algorithm, int, str]:
    """Return an algorithm as a stored search says that it should be built.

    Parameters of another source or of other code are not used, nor are those of a search that has seen months
    which only report now.

    Args:
        algorithm: the row of the table of algorithms.
        searched: the columns of `TUNING` of a search for it.
        source: identity of the source in force.
        code: the version of the algorithm's code now.
        split: the validation and test months now.

    Returns:
        The row to use, how many configurations were tried (0 if the row is unchanged), and why in a sentence.
    """
    if searched.empty:
        return algorithm, 0, "Not tuned: there were too few months to search on."
    trials, first = len(searched), searched.iloc[0]
    if first["source"] != source:
        return algorithm, 0, f"Not tuned: the stored search is of other data ({first['source']})."
    if first["code"] != code:
        return algorithm, 0, "Not tuned: the algorithm's code has changed since the search; tune it again."
    if first["last_month"] > max(split.validation):
        seen = f"the search has seen {first['last_month']}, which is no validation month now; tune it again"
        return algorithm, 0, f"Not tuned: {seen}."
    chosen = searched[searched["adopted"]]
    if chosen.empty:
        return algorithm, 0, f"Not tuned: none of {trials} trials is clearly better."
    (best,) = chosen.to_dict("records")
    row = algorithm.tuned(json.loads(best["parameters"]))
    gain = f"{best['gain']:+.4f} ± {best['gain_se']:.4f}"
    return row, trials, f"Tuned by {trials} trials: ROC AUC {gain} on the validation months of the search."


def with_parameters(algorithm: Algorithm, trials: int, scores: pd.DataFrame) -> pd.DataFrame:
    """Return walk-forward scores that say which configuration made them, if a search chose it."""
    if not trials:
        return scores
    return scores.assign(parameters=as_text(dict(algorithm.parameters)), trials=trials)
