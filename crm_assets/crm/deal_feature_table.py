"""The features beyond the 23, made from what a CRM may say of a deal: one row each.

A CRM overwrites most of these columns when a deal closes, or while it is open. A past month that is rebuilt
from one dump then shows values that nobody had. The leak audit judges each column; models use a feature only
by its leave.
"""

from __future__ import annotations

from typing import Any

from crm_assets.crm.as_of import AsOf
from crm_assets.crm.feature import Feature
from crm_assets.crm.wording import counted, percent


def _expected_next_month(known: AsOf) -> Any:
    """Return whether the expected close date is in the calendar month after the snapshot's."""
    end, day = known.month.month_end, known.deal.expected_close_date
    return (day.year() - end.year()) * 12 + day.month() - end.month() == 1


def _due(days: float) -> str:
    """Say when a deal is expected to close.

    >>> _due(1), _due(-40)
    ('expected to close in 1 day', 'expected to close 40 days ago')
    """
    return (
        f"expected to close {counted(-days, 'day')} ago"
        if days < 0
        else f"expected to close in {counted(days, 'day')}"
    )


DEAL_FEATURES: tuple[Feature, ...] = (
    Feature(
        name="days_since_created",
        dtype="int64",
        unit="days",
        description="Month end minus the day the deal was entered into the CRM.",
        expression=lambda known: known.days_since(known.deal.crm_created_date),
        bounds=(0, None),
        label=lambda days: f"entered {counted(days, 'day')} ago",
        missing="day of entry unknown",
    ),
    Feature(
        name="days_to_expected_close",
        dtype="int64",
        unit="days",
        description="Expected close date minus month end; negative if it is overdue.",
        expression=lambda known: -known.days_since(known.deal.expected_close_date),
        bounds=(None, None),
        label=_due,
        missing="no expected close date",
    ),
    Feature(
        name="expected_next_month",
        dtype="boolean",
        description="Whether the expected close date is in the next month.",
        expression=_expected_next_month,
        label=lambda yes: "expected to close next month" if yes else "not expected to close next month",
        missing="no expected close date",
    ),
    Feature(
        name="amount",
        dtype="float64",
        unit="USD",
        description="What the deal is worth, as the seller entered it.",
        expression=lambda known: known.deal.amount,
        bounds=(None, None),
        label=lambda amount: f"amount of {amount:,.0f}",
        missing="no amount recorded",
    ),
    Feature(
        name="amount_vs_list_price",
        dtype="float64",
        unit="ratio",
        description="Amount divided by the list price of the product; null without either.",
        expression=lambda known: known.deal.amount / known.deal.list_price.nullif(0),
        bounds=(None, None),
        label=lambda ratio: f"amount is {percent(ratio)} of the list price",
        missing="amount or list price unknown",
    ),
    Feature(
        name="pipeline",
        dtype="category",
        description="The CRM's name of the pipeline.",
        expression=lambda known: known.deal.pipeline,
        label=lambda name: f"pipeline {name}",
        missing="no pipeline recorded",
    ),
    Feature(
        name="stage_name",
        dtype="category",
        description="The CRM's own name of the stage.",
        expression=lambda known: known.deal.stage_name,
        label=lambda name: f"stage {name}",
        missing="stage unknown",
    ),
    Feature(
        name="stage_position",
        dtype="int64",
        unit="1 = first",
        description="Place of the stage among the open stages of its pipeline.",
        expression=lambda known: known.deal.stage_position,
        bounds=(1, None),
        label=lambda place: f"in open stage {place:.0f}",
        missing="stage unknown",
    ),
    Feature(
        name="days_in_stage",
        dtype="int64",
        unit="days",
        description="Month end minus the day the deal moved to its stage.",
        expression=lambda known: known.days_since(known.deal.stage_changed_date),
        bounds=(0, None),
        label=lambda days: f"in its stage for {counted(days, 'day')}",
        missing="unknown how long in its stage",
    ),
    Feature(
        name="crm_probability",
        dtype="float64",
        unit="0 to 1",
        description="The CRM's own probability that the deal is won.",
        expression=lambda known: known.deal.crm_probability,
        bounds=(0, 1),
        label=lambda share: f"the CRM gives it {percent(share)}",
        missing="the CRM gives no probability",
    ),
    Feature(
        name="forecast_category",
        dtype="category",
        description="The CRM's own forecast category.",
        expression=lambda known: known.deal.forecast_category,
        label=lambda name: f"forecast category {name}",
        missing="no forecast category",
    ),
)
