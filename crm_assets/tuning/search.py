"""A search that any number of workers share through one database: start it, join it, resume it."""

from __future__ import annotations

import hashlib
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from crm_assets.errors import NotEnoughDataError, SourceUnavailableError
from crm_assets.modeling import tuning
from crm_assets.modeling.space import Value
from crm_assets.modeling.tuning import Task
from crm_assets.settings import without_password
from crm_assets.tuning.proposals import (
    FINISHED,
    NUMBER,
    ByGenerations,
    distributions,
    finished_of,
    generation_of,
    in_memory,
    known_for,
    proposal,
)

MONTHS = "months"
# A trial whose worker has missed this many heartbeats is run again.
HEARTBEATS_MISSED = 4
# With fewer complete trials, no parameter's importance can be told.
FEWEST = 4
LIVE = (TrialState.WAITING, TrialState.RUNNING, *FINISHED)


@dataclass(frozen=True)
class Budget:
    """When a search ends.

    Attributes:
        trials: how many configurations it tries, the algorithm as it is included.
        seconds: after how many seconds a worker starts no other trial; how many were tried then depends on
            the machine, so two such searches may differ.
    """

    trials: int
    seconds: float | None = None


class Search:
    """One worker's view of a search.

    Args:
        task: what is searched.
        storage: address of the database: SQLite for processes of one machine, PostgreSQL for several.
        heartbeat: seconds between two signs of life of a worker.

    Raises:
        SourceUnavailableError: the database does not work.
    """

    def __init__(self, task: Task, storage: str, heartbeat: int = 15) -> None:
        optuna.logging.set_verbosity(optuna.logging.CRITICAL)
        self.task, self.heartbeat = task, heartbeat
        self._space = distributions(task.algorithm)
        try:
            self.study = optuna.create_study(
                storage=_opened(storage, heartbeat),
                study_name=name_of(task),
                direction="maximize",
                pruner=ByGenerations(),
                load_if_exists=True,
            )
        except (ImportError, OSError, RuntimeError, SQLAlchemyError) as error:
            first_line = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
            raise SourceUnavailableError(
                f"The database of searches at {without_password(storage)} does not work: {first_line}. "
                "Check CRM_TUNE_STORAGE; without it, searches are in tuning.db in CRM_HOME: if that file is "
                "damaged, delete it, and searches start anew."
            ) from error

    def work(self, budget: Budget, stop: Callable[[], bool] = lambda: False) -> None:
        """Run trials until the budget is used up, or `stop` says so; return when no trial is left.

        Raises:
            NotEnoughDataError: no validation month has both outcomes.
        """
        end = math.inf if budget.seconds is None else time.monotonic() + budget.seconds
        while time.monotonic() < end and not stop():
            with _quiet():
                optuna.storages.fail_stale_trials(self.study)
            trials = self._trials()
            finished = finished_of(trials)
            left = [number for number in range(budget.trials) if number not in finished]
            if not left:
                return
            if self._enqueued(left, trials):
                self._run_one()
            else:
                # Others run the rest of the generation.
                time.sleep(min(1.0, self.heartbeat / 4))

    def finished(self, budget: Budget) -> list[tuning.Trial]:
        """Return the finished trials of a budget, in order of their numbers."""
        found = finished_of(self._trials()).items()
        return [_told(number, trial) for number, trial in found if number < budget.trials]

    def importance(self, budget: Budget) -> dict[str, float]:
        """Return the share of the differences between complete trials that each parameter explains.

        Hutter et al., An Efficient Approach for Assessing Hyperparameter Importance (2014): functional ANOVA.
        Empty if there are too few trials, or if they do not differ.
        """
        found = finished_of(self._trials()).items()
        kept = [t for number, t in found if number < budget.trials and t.state == TrialState.COMPLETE]
        if len({trial.value for trial in kept}) < FEWEST:
            return {}
        judge = optuna.importance.FanovaImportanceEvaluator(seed=self.task.seed)
        return optuna.importance.get_param_importances(in_memory(kept), evaluator=judge)

    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def _enqueued(self, left: list[int], trials: list[FrozenTrial]) -> bool:
        """Enqueue the trials of the current generation that nobody has; return whether any waits."""
        current = [number for number in left if generation_of(number) == generation_of(left[0])]
        live = {trial.user_attrs.get(NUMBER) for trial in trials if trial.state in LIVE}
        missing = [number for number in current if number not in live]
        known = known_for(left[0], trials) if missing else []
        for number in missing:
            parameters = proposal(self.task.algorithm, number, known, self.task.seed)
            self.study.enqueue_trial(parameters, user_attrs={NUMBER: number})
        return bool(missing) or any(trial.state == TrialState.WAITING for trial in trials)

    def _run_one(self) -> None:
        try:
            with _quiet():
                self.study.optimize(self._objective, n_trials=1, catch=(_NotNeeded,))
        except (UpdateFinishedTrialError, ValueError) as error:
            # This process stood still for so long that others took it for dead, and run its trial again.
            if isinstance(error, ValueError) and "Cannot tell" not in str(error):
                raise

    def _objective(self, trial: optuna.Trial) -> float:
        number = trial.user_attrs.get(NUMBER)
        # Two workers may have enqueued a trial at once, or taken the last one in the queue at once.
        if number is None or self._has_another(trial.number, number):
            raise _NotNeeded
        parameters = {name: _suggested(trial, name, kind) for name, kind in self._space.items()}
        value, months = math.nan, {}
        for step, found in enumerate(tuning.scored(self.task, parameters)):
            months[found.month], value = found.roc_auc, found.so_far
            trial.set_user_attr(MONTHS, {m: None if math.isnan(v) else v for m, v in months.items()})
            if math.isnan(value):
                continue
            trial.report(value, step)
            if step + 1 < len(self.task.months) and trial.should_prune():
                raise optuna.TrialPruned
        if math.isnan(value):
            raise NotEnoughDataError(
                f"No deal, or every deal, is won in the validation months {', '.join(self.task.months)}, so "
                "nothing can be compared; add months of data."
            )
        return value

    def _has_another(self, place: int, number: int) -> bool:
        """Return whether Optuna's trial at this place repeats an earlier one that is done or under way."""
        return any(
            trial.number < place and trial.user_attrs.get(NUMBER) == number and trial.state in LIVE
            for trial in self._trials()
        )


class _NotNeeded(Exception):  # noqa: N818
    """Another worker has this trial."""


def name_of(task: Task) -> str:
    """Return the name of a search: all that decides its result is part of it, so that nothing is mixed."""
    decides = (
        task.source,
        task.code,
        task.rows.fingerprint,
        task.rows.target.name,
        task.features,
        task.months,
        task.seed,
        task.algorithm.space,
        task.algorithm.max_training_rows,
        # Another release may score the same configuration differently.
        [version(package) for package in task.algorithm.packages],
    )
    return f"{task.algorithm.name}-{hashlib.sha256(repr(decides).encode()).hexdigest()[:16]}"


def _opened(storage: str, heartbeat: int) -> RDBStorage:
    # Workers on one machine wait for each other's writes.
    options = {"connect_args": {"timeout": 60}} if storage.startswith("sqlite") else {"pool_pre_ping": True}
    with _quiet():
        return RDBStorage(
            storage,
            engine_kwargs=options,
            heartbeat_interval=heartbeat,
            grace_period=HEARTBEATS_MISSED * heartbeat,
        )


def _quiet() -> warnings.catch_warnings:
    """Allow heartbeats, which Optuna marks as experimental, for a block of code."""
    return warnings.catch_warnings(action="ignore", category=ExperimentalWarning)


def _suggested(trial: optuna.Trial, name: str, kind: BaseDistribution) -> Value:
    """Return the enqueued value of a parameter."""
    if isinstance(kind, CategoricalDistribution):
        return trial.suggest_categorical(name, kind.choices)  # ty: ignore[invalid-explicit-return]
    if isinstance(kind, IntDistribution):
        return trial.suggest_int(name, kind.low, kind.high, log=kind.log)
    if isinstance(kind, FloatDistribution):
        return trial.suggest_float(name, kind.low, kind.high, log=kind.log)
    raise TypeError(kind)


def _told(number: int, trial: FrozenTrial) -> tuning.Trial:
    complete = trial.state == TrialState.COMPLETE
    months = {m: math.nan if v is None else v for m, v in trial.user_attrs.get(MONTHS, {}).items()}
    return tuning.Trial(
        number,
        dict(trial.params),
        trial.value if complete else None,
        months,
        trial.datetime_start,
        trial.datetime_complete,
    )
