"""The hazard of closing walked forward: fitted at the end of each month, it gives every horizon."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from crm_assets.crm.targets import TARGETS, Target
from crm_assets.modeling.algorithms import closing_hazard
from crm_assets.modeling.calibration import calibrated, choose_calibration, fit_calibrator
from crm_assets.modeling.calibration_row import inner
from crm_assets.modeling.folds import Split
from crm_assets.modeling.hazard.estimator import ClosingHazard
from crm_assets.modeling.hazard.reach import Chances
from crm_assets.modeling.outlook.history import COLUMNS, History
from crm_assets.modeling.training_rows import DEAL, MONTH

# After the first months, in which no earlier season is known, and few deals have closed.
MONTHS_TO_LEARN = 2
# Older months say little about today, and each costs time.
MONTHS_TO_CALIBRATE = 12
EVER = "probability_ever"
# The horizons of chances: the months of each target, then ever.
REACH = (*(target.months for target in TARGETS), None)

Calibrate = Callable[[np.ndarray], np.ndarray]


def column_of(target: Target) -> str:
    """Return the column of `win_predictions` with the probability of a target."""
    return "probability" if target.months == 1 else f"probability_{target.months}_months"


class Walk:
    """Chances of the deals open at the end of each month of a history.

    Attributes:
        history: the deals.
        features: the features that may be used.
    """

    def __init__(self, history: History, features: list[str], memo: dict[Any, Any] | None = None) -> None:
        """Keep results in `memo`, which walks of several months may share: a month is computed once."""
        self.history, self.features = history, features
        self._memo = {} if memo is None else memo

    def fitted(self, month: str) -> ClosingHazard:
        """Return the hazard of closing as of a month."""
        return self._once("fitted", month, lambda: self._build().fit(self.history.as_of(month)))

    def chances(self, month: str) -> np.ndarray:
        """Return for each deal open at a month's end the chance of each target, and of ever being won.

        Returns:
            Shape (open deals, targets + 1), in the order of the history; it never falls along a row.
        """
        rows = self.history.features_at(month)
        return self._once("chances", month, lambda: self.fitted(month).won_within(rows, REACH))

    def labeled(self, target: Target) -> pd.DataFrame:
        """Return the scores and labels of a target for all months whose labels are known.

        Returns:
            Columns `snapshot_month`, `opportunity_id`, the target's label, `probability`.
        """
        history, column = self.history, TARGETS.index(target)
        parts = []
        for month in target.labeled(history.months[MONTHS_TO_LEARN:], history.month):
            rows = history.open_at(month)
            parts.append(
                pd.DataFrame(
                    {
                        MONTH: month,
                        DEAL: history.deals.loc[rows, DEAL].array,
                        target.name: history.won_within(month, target.months)[rows].astype("int64"),
                        "probability": self.chances(month)[:, column],
                    }
                )
            )
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def _build(self) -> ClosingHazard:
        columns = self.history.deals.columns
        lacking = {name for name in COLUMNS if name not in columns}
        return closing_hazard.build([name for name in self.features if name not in lacking], 0)

    def _once(self, what: str, month: str, make: Any) -> Any:
        key = (what, month, tuple(self.features), self._digest(month))
        if key not in self._memo:
            self._memo[key] = make()
        return self._memo[key]

    def _digest(self, month: str) -> str:
        digests = self.__dict__.setdefault("_digests", {})
        if month not in digests:
            digests[month] = self.history.fingerprint(month)
        return digests[month]


def reach(walk: Walk, first: pd.DataFrame) -> pd.DataFrame:
    """Return the chances of the open deals of the last month by horizon.

    Each target is calibrated on its own walk-forward, with the labels known by then. A chance is never below
    that of a shorter horizon.

    Args:
        walk: its history ends with the month.
        first: the champion's predictions, columns `opportunity_id` and `probability`.

    Returns:
        The rows of `first`: `opportunity_id`, a column for each further target, and `probability_ever`.
    """
    month = walk.history.month
    chances = pd.DataFrame(
        walk.chances(month), index=walk.history.deals.loc[walk.history.open_at(month), DEAL]
    )
    rows = chances.loc[first[DEAL].tolist()].to_numpy()
    return pd.DataFrame({DEAL: first[DEAL]} | _raised(rows, first["probability"], calibrations(walk)))


def calibrations(walk: Walk) -> dict[Target, Calibrate]:
    """Return for each target but the first the function that calibrates its chances as of the last month."""
    return {target: _calibration(walk, target) for target in TARGETS[1:]}


@dataclass(frozen=True)
class Horizons:
    """The chances of any deals by horizon as of a month, as `reach` gives them for those of the snapshot.

    Attributes:
        month: the month.
        fitted: the hazard of closing as of the month.
        calibrate: the `calibrations` of the month.
    """

    month: str
    fitted: ClosingHazard
    calibrate: Mapping[Target, Calibrate]

    def of(self, rows: Sequence[Mapping[str, Any]], first: np.ndarray) -> dict[str, np.ndarray]:
        """Return a column for each target but the first, and `probability_ever`, shape (n,) each.

        Args:
            rows: `days_open`, and the features that the hazard looks at.
            first: the probabilities of the first target, shape (n,).
        """
        return _raised(self._chances.won_by(self.fitted.posted(self.month, rows)), first, self.calibrate)

    @cached_property
    def _chances(self) -> Chances:
        return self.fitted.at(self.month, REACH)


def horizons(walk: Walk) -> Horizons | None:
    """Return the horizons as of the last month of a walk; None while no deal is closed."""
    if not walk.history.months:
        return None
    month = walk.history.month
    return Horizons(month, walk.fitted(month), calibrations(walk))


def _raised(
    chances: np.ndarray, first: pd.Series | np.ndarray, calibrate: Mapping[Target, Calibrate]
) -> dict[str, np.ndarray]:
    """Return the calibrated chances of each further target, never below those of a shorter horizon."""
    found, least = {}, np.asarray(first, dtype="float64")
    for place, target in enumerate(TARGETS[1:], start=1):
        least = found[column_of(target)] = np.maximum(calibrate[target](chances[:, place]), least)
    # No label of "ever" is known while a deal is open, so there is nothing to calibrate on.
    found[EVER] = np.maximum(inner(chances[:, -1]), least)
    return found


def _calibration(walk: Walk, target: Target) -> Calibrate:
    known = walk.labeled(target)
    if known.empty:
        return inner
    months = sorted(known[MONTH].unique())[-MONTHS_TO_CALIBRATE:]
    known = known[known[MONTH].isin(months)]
    chosen = choose_calibration(known, Split([], months, []), target)
    return partial(calibrated, fit_calibrator(known, chosen))
