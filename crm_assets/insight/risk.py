"""Open deals at risk: overdue, older than won deals of their kind, pushed again and again, or falling."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from crm_assets.crm.months import month_end
from crm_assets.crm.schema import Stage
from crm_assets.insight.bands import banded_by
from crm_assets.insight.ranked import DEAL
from crm_assets.insight.reading import Reader
from crm_assets.settings import Settings

# Fewer won deals of a product than this cannot say how old its deals become: all won deals do.
ENOUGH_WON = 10
MONTHS_LOOKED_AT = 6


@dataclass(frozen=True)
class Limits:
    """From when on a deal is at risk.

    Attributes:
        age: the share of won deals, 0 to 1, that closed at a lower age; 1 for all of them.
        pushes: how many times its expected close date moved later.
        fall: by how much its chance fell since the month before, 0 to 1.
    """

    age: float = 1.0
    pushes: int = 2
    fall: float = 0.1

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Return the limits of the settings."""
        return cls(settings.risk_age, settings.risk_pushes, settings.risk_fall)


def at_risk(reader: Reader, month: str, limits: Limits) -> pd.DataFrame:
    """Return the open deals of a month that are at risk, those with most to lose first, and why.

    Args:
        reader: the stored tables, in somebody's scope.
        month: a scored month.
        limits: from when on a deal is at risk.

    Returns:
        Columns of `win_predictions` without reasons, `within_3_months`, `worth` (that chance times the
        value), `risks` (how many) and `risk` (in words).

    Raises:
        StorageError: a table is missing or damaged.
    """
    deals = reader.predictions(month).assign(within_3_months=lambda rows: banded_by(rows))
    known = reader.snapshot(month, (DEAL, "expected_close_date")).set_index(DEAL).reindex(deals[DEAL])
    told = [
        _overdue(known, month),
        _old(reader, month, deals, limits.age),
        _pushed(reader, month, deals, limits.pushes),
        _falling(reader, month, deals, limits.fall),
    ]
    risks = pd.DataFrame({place: column.to_numpy() for place, column in enumerate(told)})
    words = ["; ".join(word for word in row if word) for row in risks.itertuples(index=False)]
    counts = (risks != "").sum(axis=1).to_numpy()
    found = deals.drop(columns=["pushed_up", "pushed_down"]).assign(risks=counts, risk=words)
    found = found[found["risks"] > 0].assign(worth=lambda d: d["within_3_months"] * d["expected_value"])
    order = ["worth", "risks", DEAL]
    return found.sort_values(order, ascending=[False, False, True], ignore_index=True)


def _overdue(known: pd.DataFrame, month: str) -> pd.Series:
    if "expected_close_date" not in known:
        return pd.Series("", index=known.index)
    late = (pd.Timestamp(month_end(month)) - pd.to_datetime(known["expected_close_date"])).dt.days
    return late.map(lambda days: f"overdue by {days:,.0f} days" if days > 0 else "")


def _old(reader: Reader, month: str, deals: pd.DataFrame, share: float) -> pd.Series:
    """Compare ages with those at which deals of the product were won, in any scope: no deal is named."""
    snapshot = reader.store.read("monthly_snapshots", [month])
    won = snapshot.filter(snapshot.stage == Stage.WON.value).drop_null(["close_date", "engage_date"])
    age = won.close_date.delta(won.engage_date, unit="day")
    key = [won["product"]] if "product" in won.columns else []
    ages = won.select(*key, age=age)
    groups = ["product", "age"] if key else ["age"]
    counts = reader.store.to_pandas(ages.group_by(groups).agg(deals=ages.count()))
    if counts.empty:
        return pd.Series("", index=deals.index)
    overall = _oldest(counts, share)
    by_product = {
        name: _oldest(part, share)
        for name, part in (counts.groupby("product") if key else ())
        if part["deals"].sum() >= ENOUGH_WON
    }
    products = deals["product"] if "product" in deals else pd.Series(index=deals.index, dtype=object)
    words = []
    for product, days in zip(products, deals["days_open"], strict=True):
        limit = by_product.get(product, overall)
        whose = f"{product} deal" if product in by_product else "deal"
        extent = "longer than any" if share >= 1 else f"longer than {100 * share:.0f} % of"
        words.append(
            f"open for {days:,} days, {extent} won {whose}{'' if share >= 1 else 's'} was ({limit:,} days)"
            if days > limit
            else ""
        )
    return pd.Series(words, index=deals.index)


def _oldest(counts: pd.DataFrame, share: float) -> int:
    """Return the age that a share of the deals does not exceed."""
    ages = counts.groupby("age")["deals"].sum().sort_index().cumsum()
    return int(ages.index[(ages >= share * ages.iloc[-1]).to_numpy().argmax()])


def _pushed(reader: Reader, month: str, deals: pd.DataFrame, least: int) -> pd.Series:
    months = [m for m in reader.store.months("monthly_snapshots") if m <= month][-MONTHS_LOOKED_AT:]
    pushes, before = pd.Series(0, index=deals[DEAL]), None
    for one in months:
        known = reader.snapshot(one, (DEAL, "expected_close_date"))
        if "expected_close_date" not in known:
            return pd.Series("", index=deals.index)
        now = pd.to_datetime(known.set_index(DEAL)["expected_close_date"]).reindex(deals[DEAL])
        if before is not None:
            pushes += (now > before).astype(int)
        before = now
    words = pushes.map(lambda n: f"pushed {n} times in {MONTHS_LOOKED_AT} months" if n >= least else "")
    return pd.Series(words.to_numpy(), index=deals.index)


def _falling(reader: Reader, month: str, deals: pd.DataFrame, least: float) -> pd.Series:
    earlier = reader.month_before(month)
    if earlier is None:
        return pd.Series("", index=deals.index)
    before = reader.predictions(earlier)
    was = deals[DEAL].map(dict(zip(before[DEAL], banded_by(before), strict=True))).astype("float64")
    now = deals["within_3_months"]
    words = [
        f"chance fell from {100 * a:.0f} % to {100 * b:.0f} % since {earlier}" if a - b >= least else ""
        for a, b in zip(was, now, strict=True)
    ]
    return pd.Series(words, index=deals.index)
