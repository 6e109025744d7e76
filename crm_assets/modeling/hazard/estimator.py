"""The estimator behind `closing_hazard`: fitted on one snapshot, it tells the chance to win by any day."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin

from crm_assets.crm.months import shift
from crm_assets.modeling.hazard.factors import AGE, FACTORS
from crm_assets.modeling.hazard.fit import fit, shares_won
from crm_assets.modeling.hazard.observed import (
    SEASONS,
    SNAPSHOT_COLUMNS,
    last_day,
    names_in,
    observe,
    places,
)
from crm_assets.modeling.hazard.reach import Chances, Deals, Parts
from crm_assets.modeling.hazard.smoothing import SMOOTHING, Smoothing

AGE_COLUMN = "days_open"
# The smallest closable share.
NEVER = 1e-6


class ClosingHazard(ClassifierMixin, BaseEstimator):
    """Probability = closable x closed by the day x won, for deals open at a month's end.

    Attributes:
        group: the column by which closable shares and shares won are pooled; None for all deals together.
        product: another column by which shares won are pooled.
        factors: those of `reach.FACTORS` that may be used.
        months: how many months `predict_proba` looks ahead.
        smoothing: the attributes of a `Smoothing` other than the default one.
    """

    # Default for older stored models, which lack this attribute.
    smoothing: Mapping[str, float] | None = None

    def __init__(
        self,
        group: str | None = "sales_agent",
        product: str | None = "product",
        factors: Sequence[str] = FACTORS,
        months: int = 1,
        smoothing: Mapping[str, float] | None = None,
    ) -> None:
        self.group = group
        self.product = product
        self.factors = factors
        self.months = months
        self.smoothing = smoothing

    def fit(self, X: pd.DataFrame, y: None = None) -> Self:
        """Fit on the snapshot of one month.

        Args:
            X: `SNAPSHOT_COLUMNS` of `monthly_snapshots`, `group` and `product`.
            y: not used: the snapshot tells which deals were won.

        Raises:
            NotEnoughDataError: no deal is closed by then.
        """
        columns = [*SNAPSHOT_COLUMNS, *(name for name in (self.group, self.product) if name is not None)]
        deals = X.loc[X["engage_date"].notna().to_numpy(), columns]
        self.groups_, self.products_ = names_in(deals, self.group), names_in(deals, self.product)
        groups, products = self._places(deals, len(deals))
        seen = observe(deals, groups, products, max(len(self.groups_), 1))
        how = SMOOTHING if self.smoothing is None else Smoothing(**self.smoothing)
        found, out = fit(seen, how), seen.outcomes
        won = (out["won"].sum() + 1) / (len(out) + 2)
        many = {"season": SEASONS, "group": len(self.groups_) + 1, "product": len(self.products_) + 1}
        effects = {
            name: shares_won(out["won"].to_numpy(), out[name].to_numpy(), size, won, how.won)
            for name, size in many.items()
        }
        overall, of_group = _odds(found.overall), _odds(found.of_group)
        self.hazard_, self.pooled_ = found.hazard, found.pooled
        self.overall_, self.won_ = float(overall), float(logit(won))
        self.of_group_, self.of_cohort_ = of_group - overall, _odds(found.closable) - of_group[:, None]
        if self.groups_:
            # The last place is for names that the snapshot does not have.
            self.of_group_ = np.append(self.of_group_, 0.0)
            self.of_cohort_ = np.vstack([self.of_cohort_, np.zeros_like(self.of_cohort_[:1])])
        self.won_season_, self.won_group_, self.won_product_ = effects.values()
        self.first_engaged_, self.first_close_ = seen.first_engaged, seen.first_close
        still_open = seen.open.sum(axis=0)
        middle = np.searchsorted(np.cumsum(still_open), still_open.sum() / 2)
        self.usual_age_ = int(max(seen.last - seen.first_engaged - middle, 0))
        self.rounds_ = found.rounds
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Return probabilities, shape (n, 2): of not being won within `months`, and of being won."""
        won = self.won_within(X, [self.months])[:, 0]
        return np.column_stack([1 - won, won])

    def won_within(self, X: pd.DataFrame, months: Sequence[int | None]) -> np.ndarray:
        """Return the probability to be won within some numbers of months, shape (n, len(months)).

        Args:
            X: `snapshot_month` (a month, or a day for deals as of that day), `days_open`, and the columns
                `group` and `product`.
            months: numbers of months, 0 for the rest of the day's month, or None for ever. The result never
                falls with the number.
        """
        return self._by_month(X, len(months), lambda month: self.at(month, months).won_by)

    def at(self, month: str, months: Sequence[int | None] | None = None) -> Chances:
        """Return the chances of deals as of the end of a month or day; it keeps what deals may share.

        Args:
            month: a month, or a day.
            months: as in `won_within`; by default those of `predict_proba`.
        """
        ahead = [self.months] if months is None else months
        return Chances(self._parts(), last_day(month), _days(month, ahead), self.factors)

    def deals(self, month: str, of: Mapping[str, Any] | pd.DataFrame, many: int) -> Deals:
        """Return deals as of the end of a month or day, for the chances of `at`.

        Args:
            month: a month, or a day.
            of: the values by column: `days_open`, `group` and `product`.
            many: number of deals.
        """
        age = np.zeros(many, dtype="int64")
        # Without the factor age nothing looks at it.
        if AGE in self.factors:
            age = np.asarray(of[AGE_COLUMN], dtype="float64").astype("int64")
        return Deals(last_day(month) - age, *self._places(of, many))

    def posted(self, month: str, rows: Sequence[Mapping[str, Any]]) -> Deals:
        """Return deals that are given as mappings, as `deals` does."""
        read = [*([AGE_COLUMN] if AGE in self.factors else []), self.group, self.product]
        of = {name: [row[name] for row in rows] for name in read if name is not None}
        return self.deals(month, of, len(rows))

    def won_of_arriving(self, month: str, months: int) -> float:
        """Return the wins within some months after a month if one deal is engaged on each of their days."""
        (days,) = _days(month, [months])
        return self._parts().won_of_arriving(last_day(month), days or 0)

    def curve(self, X: pd.DataFrame, days: int) -> np.ndarray:
        """Return the probability to be won within 1, 2, ... days of the month's end, shape (n, days)."""
        parts, reach = self._parts(), range(1, days + 1)
        return self._by_month(
            X, days, lambda month: Chances(parts, last_day(month), reach, self.factors).won_by
        )

    def pushes(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return how far each factor moves each deal from the usual deal, in log-odds.

        The pushes of a deal add up to its log-odds minus those of the usual deal; see `reach.Chances.pushes`.
        """
        found = self._by_month(X, len(self.factors), lambda month: self.at(month).pushes)
        return pd.DataFrame(found, columns=pd.Index(self.factors), index=X.index)

    def _by_month(
        self, X: pd.DataFrame, columns: int, say: Callable[[str], Callable[[Deals], np.ndarray]]
    ) -> np.ndarray:
        found = np.zeros((len(X), columns))
        codes, months = pd.factorize(X["snapshot_month"])
        for code, month in enumerate(months):
            rows = np.flatnonzero(codes == code)
            of = X if len(months) == 1 else X.iloc[rows]
            found[rows] = say(str(month))(self.deals(str(month), of, len(rows)))
        return found

    def _places(self, of: Mapping[str, Any] | pd.DataFrame, many: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the place of each deal among the groups and among the products."""
        nowhere = np.zeros(many, dtype="int64")
        return (
            nowhere if self.group is None else places(of[self.group], self.groups_),
            nowhere if self.product is None else places(of[self.product], self.products_),
        )

    def _parts(self) -> Parts:
        return Parts(
            stays=np.log1p(-self.hazard_),
            stays_pooled=np.log1p(-self.pooled_),
            overall=self.overall_,
            of_group=self.of_group_,
            of_cohort=self.of_cohort_,
            won=self.won_,
            won_season=self.won_season_,
            won_group=self.won_group_,
            won_product=self.won_product_,
            first_engaged=self.first_engaged_,
            first_close=self.first_close_,
            usual_age=self.usual_age_,
        )


def _odds(share: float | np.ndarray) -> np.ndarray:
    """Return a share as log-odds; without open deals every deal is closable, which has none."""
    return logit(np.clip(share, NEVER, 1 - NEVER))


def _days(moment: str, months: Sequence[int | None]) -> list[int | None]:
    """Return the days from the end of a month or a day to the end of later months; 0 is its own month."""
    last, month = last_day(moment), moment[: len("YYYY-MM")]
    return [None if ahead is None else last_day(shift(month, ahead)) - last for ahead in months]
