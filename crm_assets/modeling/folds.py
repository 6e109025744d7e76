"""Walk-forward folds: what is known when a month is scored, and the models fitted on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crm_assets.crm.targets import DEFAULT_TARGET, Target
from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling.algorithm import SNAPSHOT, Algorithm, Estimator, Lesson, Snapshot
from crm_assets.modeling.training_rows import TrainingRows

if TYPE_CHECKING:
    from crm_assets.engine.spark import SparkEngine

# From this many rows on, boosting and the logistic regression are faster with two threads than with one.
ROWS_WORTH_THREADS = 100_000


@dataclass(frozen=True)
class Split:
    """The labeled months by purpose; each list is in order of time.

    Attributes:
        first_months: months before the first month that can be scored.
        validation: months to choose and calibrate on.
        test: months to report on.
        between: scored, but neither validation nor test: their labels were not yet known at the end of the
            first test month.
    """

    first_months: list[str]
    validation: list[str]
    test: list[str]
    between: tuple[str, ...] = ()

    @property
    def scored(self) -> list[str]:
        """The months that walk-forward predicts."""
        return [*self.validation, *self.between, *self.test]


def split_months(
    months: list[str], min_training_months: int, test_months: int, target: Target = DEFAULT_TARGET
) -> Split:
    """Divide labeled months: the first are only for training, the last `test_months` only for reporting.

    Args:
        months: the labeled months.
        min_training_months: how many months with known labels are needed to score a month.
        test_months: how many months to report on.
        target: says when labels are known.

    Raises:
        NotEnoughDataError: no month is left to choose a champion on.
    """
    months = sorted(months)
    scored = [month for month in months if len(target.labeled(months, month)) >= min_training_months]
    test = scored[-test_months:]
    validation = target.labeled(scored, test[0]) if test else []
    if len(scored) < test_months or not validation:
        # Training months, one validation month, test months, and twice the wait for labels.
        needed = min_training_months + 1 + test_months + 2 * (target.months - 1)
        raise NotEnoughDataError(
            f"There are {len(months)} labeled months ({', '.join(months) or 'none'}), but at least {needed} "
            f"are needed: {min_training_months} to train, 1 to choose, {test_months} to test; add months or "
            "lower CRM_MIN_TRAINING_MONTHS or CRM_TEST_MONTHS."
        )
    between = tuple(month for month in scored if month not in validation and month not in test)
    return Split(months[: -len(scored)], validation, test, between)


def lessons(
    rows: TrainingRows, months: list[str], features: list[str], seed: int, snapshot: Snapshot | None = None
) -> Iterator[Lesson]:
    """Yield for each month the lesson to score it: only what was known at its end.

    Raises:
        NotEnoughDataError: all labels known at the end of a month are the same.
    """
    for month in months:
        known = rows.labeled(month)
        if not 0 < sum(rows.wins[m] for m in known) < sum(rows.deals[m] for m in known):
            raise NotEnoughDataError(
                f"All labels before {month} are the same: a model needs both won and other deals; "
                "raise CRM_MIN_TRAINING_MONTHS."
            )
        yield Lesson(month, rows, known, features, seed, snapshot)


def last_lesson(
    rows: TrainingRows, features: list[str], seed: int, snapshot: Snapshot | None = None
) -> Lesson:
    """Return the lesson with all labeled months."""
    return Lesson(rows.horizon, rows, rows.months, features, seed, snapshot)


def learn(algorithm: Algorithm, lesson: Lesson, spark: SparkEngine | None = None) -> Estimator:
    """Fit an algorithm on a lesson, or on the sample of it that the algorithm can take.

    Args:
        algorithm: the algorithm.
        lesson: what it may learn from.
        spark: where an algorithm learns that can learn there; None means on this machine.
    """
    if spark is not None and algorithm.on_spark is not None:
        # Only Spark needs it.
        from crm_assets.modeling.on_spark import learn_on_spark

        return learn_on_spark(algorithm, lesson, spark)
    estimator = algorithm.built(lesson.features, lesson.seed)
    if algorithm.learns_from == SNAPSHOT:
        if lesson.snapshot is None:
            raise ValueError(f"{algorithm.name} learns from snapshots, but none were given.")
        return estimator.fit(lesson.snapshot(lesson.as_of))
    table = lesson.rows.sample(lesson.months, algorithm.max_training_rows, lesson.seed)
    matrix = algorithm.matrix(table, lesson.features)
    labels = table[lesson.rows.target.name].to_numpy(dtype="int64")
    # The definitions import this module and fit nothing: they need not wait for joblib.
    from joblib import parallel_config
    from threadpoolctl import threadpool_limits

    # Boosting waits for its threads at every node, and a matrix product at every step: with few rows, or
    # beside other programs, this takes most of the time. The forest uses threads of its own, since processes
    # would import everything again.
    limits = threadpool_limits(1 if len(table) < ROWS_WORTH_THREADS else None)
    with limits, parallel_config(backend="threading", n_jobs=-1):
        return estimator.fit(matrix, labels)


class FoldModels:
    """A cache of the models fitted for past months.

    A fit depends only on its algorithm and lesson, so all callers can share it. Models are small: at most two
    megabytes.

    Args:
        spark: where algorithms learn that can learn there; None means on this machine.
    """

    def __init__(self, spark: SparkEngine | None = None) -> None:
        self._spark = spark
        self._fitted: dict[tuple[object, ...], Estimator] = {}

    def learned(self, algorithm: Algorithm, lesson: Lesson) -> Estimator:
        """Return the result of `learn`; fit only on the first call."""
        rows = lesson.rows
        key = (
            algorithm,
            rows.fingerprint,
            rows.target,
            lesson.as_of,
            *lesson.months,
            *lesson.features,
            lesson.seed,
        )
        if key not in self._fitted:
            self._fitted[key] = learn(algorithm, lesson, self._spark)
        return self._fitted[key]
