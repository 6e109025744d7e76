"""Open deals in the order in which to work on them, each with its band, trend, value and reasons."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from crm_assets.insight.ages import AgeFacts, age_facts
from crm_assets.insight.bands import banded_by, bands, trends
from crm_assets.insight.reading import Reader
from crm_assets.insight.words import UP, reasons

DEAL = "opportunity_id"
WHO_AND_WHAT = ("sales_agent", "manager", "regional_office", "product", "account")
# The columns that every ranked deal has, beside those of who and what.
MEASURES = ("band", "trend", "probability", "within_3_months", "expected_value", "worth", "days_open")
FIRST = 5


def ranked(reader: Reader, month: str, limits: Sequence[float]) -> pd.DataFrame:
    """Return the open deals of a month, the one with most to gain first.

    Args:
        reader: the stored tables, in somebody's scope.
        month: a scored month.
        limits: `CRM_BAND_LIMITS`.

    Returns:
        Columns `opportunity_id`, those of `WHO_AND_WHAT` that the CRM has, `MEASURES`, and the stored
        `pushed_up` and `pushed_down`. `within_3_months` is the chance within the longest horizon, `worth`
        that chance times the value; deals are sorted by `worth`.

    Raises:
        StorageError: a table is missing or damaged.
    """
    deals = reader.predictions(month)
    before = reader.month_before(month)
    within = banded_by(deals)
    deals = deals.assign(
        band=bands(deals, limits),
        trend="new" if before is None else trends(deals, reader.predictions(before)),
        within_3_months=within,
        worth=within * deals["expected_value"],
    )
    shown = [DEAL, *(name for name in WHO_AND_WHAT if name in deals), *MEASURES, "pushed_up", "pushed_down"]
    return deals.sort_values(["worth", DEAL], ascending=[False, True], ignore_index=True)[shown]


def why(reader: Reader, month: str, deals: pd.DataFrame) -> pd.Series:
    """Return the reasons of some ranked deals in words, each with a fact; only these deals are looked up."""
    facts = age_facts(reader, month)
    wanted = set(deals[DEAL])
    features = reader.features(month)
    features = features[features[DEAL].isin(wanted)]
    known = {str(row[DEAL]): row for row in features.to_dict("records")}
    said = [_said(row, known.get(str(row[DEAL]), {}), facts) for row in deals.to_dict("records")]
    return pd.Series(said, index=deals.index, dtype=object)


def _said(deal: dict, features: dict, facts: AgeFacts) -> str:
    found = []
    for reason in sorted(reasons(deal, 2, features), key=lambda one: one.direction != UP):
        fact = facts.said(int(deal["days_open"])) if reason.feature == "days_open" else reason.fact
        side = "for it" if reason.direction == UP else "against it"
        found.append(f"{side}: {reason.words}" + (f" ({fact})" if fact else ""))
    return "; ".join(found) or facts.said(int(deal["days_open"])) or f"open for {deal['days_open']:,} days"
