"""What changed since the last snapshot: deal by deal, and as a waterfall that adds up to the cent."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import numpy as np
import pandas as pd

from crm_assets.crm.schema import Stage
from crm_assets.crm.targets import DEFAULT_TARGET, Target
from crm_assets.insight.reading import Reader
from crm_assets.modeling.outlook.walk import column_of

DEAL = "opportunity_id"
# A smaller change of the probability is no news.
SMALL = 0.005
# Less than this is rounding.
TINY = 1e-9
CENT = Decimal("0.01")
SHOWN = ("sales_agent", "manager", "regional_office", "product", "account")
OF_SNAPSHOT = (DEAL, "stage", "stage_name", "close_date", "close_value", "expected_close_date", *SHOWN)


class Change(StrEnum):
    """What happened to a deal between two snapshots; every deal has exactly one kind."""

    NEW = "new"
    WON = "won"
    LOST = "lost"
    GONE = "gone"
    PUSHED = "pushed"
    PULLED_IN = "pulled_in"
    UP = "up"
    DOWN = "down"
    SAME = "same"


MEANING = {
    Change.NEW: "open now, not open or not scored before",
    Change.WON: "won since",
    Change.LOST: "lost since",
    Change.GONE: "open before, and neither open nor closed now: deleted, reassigned, or not scored",
    Change.PUSHED: "its expected close date moved later",
    Change.PULLED_IN: "its expected close date moved earlier",
    Change.UP: "its probability rose",
    Change.DOWN: "its probability fell",
    Change.SAME: "its probability moved by less than half a point",
}
# The step of the waterfall for deals that stay open and are worth more or less than before.
VALUE = "value"


@dataclass(frozen=True)
class Step:
    """One step of a waterfall.

    Attributes:
        name: a kind of `Change`, or `value`.
        deals: how many deals it adds up.
        amount: what it adds to the expected revenue, whole cents.
    """

    name: str
    deals: int
    amount: Decimal


@dataclass(frozen=True)
class Waterfall:
    """Expected revenue from one snapshot to the next: `start` plus all steps is `end`, to the cent."""

    start: Decimal
    steps: tuple[Step, ...]
    end: Decimal


@dataclass(frozen=True)
class Changes:
    """The changes between the snapshots of two months.

    Attributes:
        month: the later month.
        before: the earlier month.
        target: the horizon of the probabilities and of the expected revenue.
        deals: one row per deal: `opportunity_id`, who and what, `change`, `probability_before`,
            `probability`, `expected_value_before`, `expected_value`, `expected_revenue_before`,
            `expected_revenue`, `close_value`; sorted by the size of the change of expected revenue.
        waterfall: the same as sums.
    """

    month: str
    before: str
    target: Target
    deals: pd.DataFrame
    waterfall: Waterfall


def changes(reader: Reader, month: str, before: str, target: Target = DEFAULT_TARGET) -> Changes:
    """Compare the open deals of two snapshots, as far as the reader's scope shows them.

    A deal that was engaged and closed between the two counts as won or lost.

    Args:
        reader: the stored tables.
        month: the later month.
        before: the earlier month.
        target: the horizon.

    Raises:
        StorageError: a table is missing or damaged.
    """
    earlier = Moment(before, reader.predictions(before), reader.snapshot(before, OF_SNAPSHOT))
    return compared(
        Moment(month, reader.predictions(month), reader.snapshot(month, OF_SNAPSHOT)), earlier, target
    )


@dataclass(frozen=True)
class Moment:
    """What was known at a month's end, as far as a scope shows it.

    Attributes:
        month: `YYYY-MM`.
        predictions: columns of `crm.tables.WIN_PREDICTIONS`.
        snapshot: `OF_SNAPSHOT`, those columns that the CRM has.
    """

    month: str
    predictions: pd.DataFrame
    snapshot: pd.DataFrame


def compared(later: Moment, earlier: Moment, target: Target = DEFAULT_TARGET) -> Changes:
    """Compare two moments; see `changes`."""
    month, before, known = later.month, earlier.month, later.snapshot
    planned = [name for name in (DEAL, "expected_close_date") if name in earlier.snapshot]
    was = _scored(earlier.predictions, target).merge(earlier.snapshot[planned], how="left", on=DEAL)
    now = _scored(later.predictions, target)
    deals = was.merge(now, how="outer", on=DEAL, suffixes=("_before", ""), indicator="_there")
    deals = deals.merge(known, how="outer", on=DEAL, suffixes=("_before", ""))
    deals = deals[deals["_there"].notna() | _closed_since(deals, before)]
    deals = deals.assign(change=_kinds(deals)).sort_values(DEAL, ignore_index=True)
    amounts = ["expected_revenue_before", "expected_revenue"]
    deals[amounts] = deals[amounts].fillna(0.0)
    waterfall = _waterfall(deals)
    size = (deals["expected_revenue"] - deals["expected_revenue_before"]).abs()
    order = np.lexsort((deals[DEAL].to_numpy().astype(str), -size.to_numpy()))
    shown = [DEAL, *(name for name in SHOWN if name in deals), "change"]
    shown += [f"{name}{when}" for name in _MEASURES for when in ("_before", "")]
    return Changes(
        month, before, target, deals.iloc[order][[*shown, "close_value"]].reset_index(drop=True), waterfall
    )


_MEASURES = ("probability", "expected_value", "expected_revenue")


def _scored(predictions: pd.DataFrame, target: Target) -> pd.DataFrame:
    chance = predictions[column_of(target)].fillna(predictions["probability"])
    value = predictions["expected_value"]
    return pd.DataFrame(
        {
            DEAL: predictions[DEAL],
            "probability": chance,
            "expected_value": value,
            "expected_revenue": chance * value,
        }
    )


def _closed_since(deals: pd.DataFrame, before: str) -> pd.Series:
    closed = pd.to_datetime(deals["close_date"]).dt.strftime("%Y-%m")
    return (closed > before).fillna(False)


def _kinds(deals: pd.DataFrame) -> np.ndarray:
    both = (deals["_there"] == "both").to_numpy()
    is_open = both | (deals["_there"] == "right_only").to_numpy()
    stage = deals["stage"].to_numpy()
    rise = (deals["probability"] - deals["probability_before"]).to_numpy(dtype="float64")
    moved = _moved(deals)
    cases = [
        (~is_open & (stage == Stage.WON.value), Change.WON),
        (~is_open & (stage == Stage.LOST.value), Change.LOST),
        (~is_open, Change.GONE),
        (~both, Change.NEW),
        (moved > 0, Change.PUSHED),
        (moved < 0, Change.PULLED_IN),
        (rise >= SMALL, Change.UP),
        (rise <= -SMALL, Change.DOWN),
    ]
    return np.select([case for case, _ in cases], [kind.value for _, kind in cases], Change.SAME.value)


def _moved(deals: pd.DataFrame) -> np.ndarray:
    """Return by how many days the expected close date moved, 0 if either is unknown."""
    if not {"expected_close_date", "expected_close_date_before"} <= set(deals.columns):
        return np.zeros(len(deals))
    now, was = (pd.to_datetime(deals[f"expected_close_date{when}"]) for when in ("", "_before"))
    return (now - was).dt.days.fillna(0).to_numpy()


def _waterfall(deals: pd.DataFrame) -> Waterfall:
    """Return the waterfall; cents that rounding leaves over go to the steps that lost most by it."""
    was, now = deals["expected_revenue_before"], deals["expected_revenue"]
    kind = deals["change"]
    stays = kind.isin([Change.PUSHED, Change.PULLED_IN, Change.UP, Change.DOWN, Change.SAME])
    worth = (deals["probability"] * (deals["expected_value"] - deals["expected_value_before"])).where(
        stays, 0.0
    )
    rest = now - was - worth
    counted = [(one.value, int((kind == one).sum()), float(rest[kind == one].sum())) for one in Change]
    revalued = int((worth.abs() > TINY).sum())
    counted.append((VALUE, revalued, float(worth.sum())))
    start, end = round(float(was.sum()) * 100), round(float(now.sum()) * 100)
    cents = _whole([amount * 100 for _, _, amount in counted], end - start)
    steps = [Step(name, many, cent * CENT) for (name, many, _), cent in zip(counted, cents, strict=True)]
    kept = tuple(step for step in steps if step.deals or step.amount)
    return Waterfall(start * CENT, kept, end * CENT)


def _whole(amounts: list[float], total: int) -> list[int]:
    """Round amounts to whole numbers that add up to a total.

    >>> _whole([1.4, 1.4, 1.2], 4), _whole([-0.5, 0.5], 0)
    ([2, 1, 1], [0, 0])
    """
    rounded = [round(amount) for amount in amounts]
    missing = total - sum(rounded)
    sign = 1 if missing > 0 else -1
    order = sorted(range(len(amounts)), key=lambda place: (sign * (rounded[place] - amounts[place]), place))
    for turn in range(abs(missing)):
        rounded[order[turn % len(order)]] += sign
    return rounded
