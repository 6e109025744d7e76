"""A search that any number of workers share through one database: run its trials, read what they found."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling import tuning
from crm_assets.modeling.space import Value
from crm_assets.modeling.tuning import Task
from crm_assets.tuning.database import chain, opened, quiet, told
from crm_assets.tuning.identity import name_of
from crm_assets.tuning.pace import Pace, Say
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

    Attributes:
        ran: how many trials this worker has finished.

    Raises:
        SourceUnavailableError: the database does not work.
    """

    def __init__(self, task: Task, storage: str, heartbeat: int = 15) -> None:
        optuna.logging.set_verbosity(optuna.logging.CRITICAL)
        self.task, self.storage, self.heartbeat, self.ran = task, storage, heartbeat, 0
        self._space = distributions(task.algorithm)
        database = opened(storage, heartbeat)
        with told(storage):
            self.study = optuna.create_study(
                storage=database,
                study_name=name_of(task),
                direction="maximize",
                pruner=ByGenerations(),
                load_if_exists=True,
            )

    def work(
        self, budget: Budget, stop: Callable[[], bool] = lambda: False, say: Say = lambda _: None
    ) -> None:
        """Run trials until the budget is used up, or `stop` says so; return when no trial is left.

        Args:
            budget: when the search ends.
            stop: asked between trials.
            say: told now and then how far the search is.

        Raises:
            NotEnoughDataError: no validation month has both outcomes.
            SourceUnavailableError: the database does not work any more.
        """
        seconds = math.inf if budget.seconds is None else budget.seconds
        end, pace = time.monotonic() + seconds, Pace(budget.trials, seconds, say)
        with told(self.storage):
            while time.monotonic() < end and not stop():
                with quiet():
                    optuna.storages.fail_stale_trials(self.study)
                trials = self._trials()
                finished = finished_of(trials)
                pace.tell(finished)
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
            with quiet():
                self.study.optimize(self._objective, n_trials=1, catch=(_NotNeeded,), callbacks=[self._count])
        except Exception as error:
            # This process stood still for so long that others took it for dead, and run its trial again.
            if not any(_gave_way(one) for one in chain(error)):
                raise

    def _count(self, _: optuna.Study, trial: FrozenTrial) -> None:
        self.ran += trial.state in FINISHED

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


def _gave_way(error: BaseException) -> bool:
    """Return whether Optuna refuses the result of a trial, since another worker has ended it."""
    return isinstance(error, UpdateFinishedTrialError) or "Cannot tell" in str(error)


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
