"""Walk-forward folds: what may be known when a month is scored, and the models that were fitted then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from joblib import parallel_config
from threadpoolctl import threadpool_limits

from crm_assets.crm.targets import DEFAULT_TARGET, Target
from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling.algorithm import SNAPSHOT, Algorithm, Estimator, Lesson, Snapshot
from crm_assets.modeling.training_rows import TrainingRows

# Where boosting with two threads starts to be faster than with one.
ROWS_WORTH_THREADS = 100_000


@dataclass(frozen=True)
class Split:
    """The labeled months by what they are for; each list is in order of time.

    Attributes:
        first_months: those before the first that can be scored.
        validation: those that choose and calibrate.
        test: those that report.
        between: scored, but neither: their outcomes were not known yet when the first test month was.
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
    """Divide labeled months: the first only train, the last `test_months` only report.

    Args:
        months: the labeled months.
        min_training_months: how many labels of months have to be known before a month is scored.
        test_months: how many report.
        target: says when labels are known.

    Raises:
        NotEnoughDataError: no month is left to choose a champion on.
    """
    months = sorted(months)
    scored = [month for month in months if len(target.labeled(months, month)) >= min_training_months]
    test = scored[-test_months:]
    validation = target.labeled(scored, test[0]) if test else []
    if len(scored) < test_months or not validation:
        # From the first to the last month: those to train, one to choose, those to test, and twice the wait.
        needed = min_training_months + 1 + test_months + 2 * (target.months - 1)
        raise NotEnoughDataError(
            f"{len(months)} labeled months ({', '.join(months) or 'none'}), but at least {needed} are "
            f"needed: {min_training_months} to train, 1 to choose, {test_months} to test; add months or "
            "lower CRM_MIN_TRAINING_MONTHS or CRM_TEST_MONTHS."
        )
    between = tuple(month for month in scored if month not in validation and month not in test)
    return Split(months[: -len(scored)], validation, test, between)


def lessons(
    rows: TrainingRows, months: list[str], features: list[str], seed: int, snapshot: Snapshot | None = None
) -> Iterator[Lesson]:
    """For each month give what may be learned from to score it: nothing that was not known at its end.

    Raises:
        NotEnoughDataError: all outcomes known at the end of a month are the same.
    """
    for month in months:
        known = rows.labeled(month)
        if not 0 < sum(rows.wins[m] for m in known) < sum(rows.deals[m] for m in known):
            raise NotEnoughDataError(
                f"All labels before {month} are the same: a model needs won deals and others; "
                "raise CRM_MIN_TRAINING_MONTHS."
            )
        yield Lesson(month, rows, known, features, seed, snapshot)


def last_lesson(
    rows: TrainingRows, features: list[str], seed: int, snapshot: Snapshot | None = None
) -> Lesson:
    """Return all that is known when the labels of all rows are."""
    return Lesson(rows.horizon, rows, rows.months, features, seed, snapshot)


def learn(algorithm: Algorithm, lesson: Lesson) -> Estimator:
    """Fit an algorithm on what may be learned from, or on the sample of it that it can take."""
    estimator = algorithm.build(lesson.features, lesson.seed)
    if algorithm.learns_from == SNAPSHOT:
        if lesson.snapshot is None:
            raise ValueError(f"{algorithm.name} learns from snapshots, and none were given.")
        return estimator.fit(lesson.snapshot(lesson.as_of))
    table = lesson.rows.sample(lesson.months, algorithm.max_training_rows, lesson.seed)
    matrix = algorithm.matrix(table, lesson.features)
    labels = table[lesson.rows.target.name].to_numpy(dtype="int64")
    # Boosting waits for its threads at every node: with few rows that is most of its time, and on a
    # busy machine nearly all. The forest's threads are its own; processes would import all again.
    boosters = threadpool_limits(1 if len(table) < ROWS_WORTH_THREADS else None, "openmp")
    with boosters, parallel_config(backend="threading", n_jobs=-1):
        return estimator.fit(matrix, labels)


class FoldModels:
    """The models of past months that were fitted so far, for whoever needs the same ones again.

    A fit depends on nothing but its lesson, so it does not matter who made it. They are small: two megabytes
    for the largest.
    """

    def __init__(self) -> None:
        self._fitted: dict[tuple[object, ...], Estimator] = {}

    def learned(self, algorithm: Algorithm, lesson: Lesson) -> Estimator:
        """Return what `learn` gives, fitted at the first time that it is asked for."""
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
            self._fitted[key] = learn(algorithm, lesson)
        return self._fitted[key]
