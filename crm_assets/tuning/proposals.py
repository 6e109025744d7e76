"""Which configuration each trial of a search tries, and when it is pruned, whoever runs it and when.

Trials come in generations. The proposal for a trial depends on the seed, its number, and the finished trials
of earlier generations; so does the bar below which it is pruned. Nothing depends on which trials of its own
generation have finished, so any number of workers, killed or not, tries the same configurations. The price:
within a generation, proposals do not learn from each other.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, QMCSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from crm_assets.modeling.algorithm import Algorithm
from crm_assets.modeling.space import Parameter, Value

# Trials per generation; the first one spreads over the whole space.
GENERATION = 10
# The attribute that holds a trial's number: Optuna also counts repeated trials of killed workers.
NUMBER = "number"
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def generation_of(number: int) -> int:
    """Return the generation of a trial.

    >>> generation_of(9), generation_of(10)
    (0, 1)
    """
    return number // GENERATION


def distributions(algorithm: Algorithm) -> dict[str, BaseDistribution]:
    """Return an algorithm's search space as Optuna has it."""
    return {one.name: _distribution(one) for one in algorithm.space}


def finished_of(trials: Iterable[FrozenTrial]) -> dict[int, FrozenTrial]:
    """Return the finished trials by number, in order.

    A trial may be finished twice, if its worker was taken for dead; both have the same value.
    """
    found: dict[int, FrozenTrial] = {}
    for trial in trials:
        if trial.state in FINISHED and NUMBER in trial.user_attrs:
            found.setdefault(trial.user_attrs[NUMBER], trial)
    return dict(sorted(found.items()))


def known_for(number: int, trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Return the finished trials of the generations before a trial's, in order of their numbers."""
    own = generation_of(number)
    return [trial for other, trial in finished_of(trials).items() if generation_of(other) < own]


def proposal(algorithm: Algorithm, number: int, known: list[FrozenTrial], seed: int) -> dict[str, Value]:
    """Return the configuration of a trial.

    The first generation is a scrambled Sobol sequence. Later ones are TPE over all parameters together
    (Bergstra et al., Algorithms for Hyper-Parameter Optimization, 2011).

    Args:
        algorithm: the algorithm.
        number: the trial's number; 0 is the algorithm as it is.
        known: the finished trials of earlier generations, in order.
        seed: seed of the search.
    """
    if number == 0:
        return algorithm.defaults
    space = distributions(algorithm)
    if generation_of(number) == 0:
        # The sampler takes the space from a finished trial, and gives the points of its sequence in order.
        start = optuna.create_trial(value=0.0, params=algorithm.defaults, distributions=space)
        spread = in_memory([start], lambda: QMCSampler(seed=seed, scramble=True))
        return dict([spread.ask(space).params for _ in range(number)][-1])
    own_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])

    def sampler() -> BaseSampler:
        return TPESampler(seed=own_seed, n_startup_trials=GENERATION, multivariate=True)

    return dict(in_memory(known, sampler).ask(space).params)


class ByGenerations(optuna.pruners.BasePruner):
    """Prunes a trial that is below the median of the complete trials of earlier generations at its month."""

    def __init__(self) -> None:
        self._rule = optuna.pruners.MedianPruner(n_startup_trials=GENERATION // 2)

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Return whether to stop the trial."""
        known = known_for(trial.user_attrs[NUMBER], study.get_trials(deepcopy=False))
        return bool(known) and self._rule.prune(in_memory(known), trial)


def in_memory(known: list[FrozenTrial], sampler: Callable[[], BaseSampler] | None = None) -> optuna.Study:
    """Return a study in memory with some finished trials."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(direction="maximize", sampler=sampler() if sampler else None)
        study.add_trials(known)
    return study


def _distribution(one: Parameter) -> BaseDistribution:
    if one.choices:
        return CategoricalDistribution(one.choices)
    if one.whole:
        return IntDistribution(int(one.low), int(one.high), log=one.log)
    return FloatDistribution(one.low, one.high, log=one.log)
