"""Gates of the features: 23 columns in their ranges, and a label that is 0, 1 or not known yet."""

from __future__ import annotations

from crm_assets.crm.feature_table import LABEL
from crm_assets.crm.rules import Between, InSet, NotNull, Rule, contract
from crm_assets.crm.tables import TRAINING_SET, WIN_FEATURES
from crm_assets.defs.checks.shifts import steady, steady_rate
from crm_assets.defs.checks.suite import Suite

RANGES: dict[str, tuple[float | None, float | None]] = {
    "list_price": (0, None),
    "account_revenue": (0, None),
    "account_employees": (0, None),
    "days_open": (0, None),
    "engage_day_of_week": (0, 6),
    "month_of_quarter": (1, 3),
    "days_open_vs_median_cycle": (0, None),
    "agent_win_rate": (0, 1),
    "agent_closed_deals": (0, None),
    "agent_open_deals": (1, None),
    "product_win_rate": (0, 1),
    "product_open_deals": (1, None),
    "account_win_rate": (0, 1),
    "account_closed_deals": (0, None),
}

_RANGES: tuple[Rule, ...] = tuple(
    Between(name=f"{name}_in_range", column=name, low=low, high=high) for name, (low, high) in RANGES.items()
)
_LABEL = InSet(name="label_is_0_or_1", column=LABEL.name, values=(0, 1))

FEATURES = Suite(WIN_FEATURES, (*contract(WIN_FEATURES), *_RANGES, _LABEL))
TRAINING = Suite(
    TRAINING_SET,
    (
        *contract(TRAINING_SET),
        *_RANGES,
        _LABEL,
        NotNull(name="label_is_there", column=LABEL.name),
    ),
)

MONTHLY_SUITES = (FEATURES, steady(WIN_FEATURES, "open_deals"), steady_rate(WIN_FEATURES))
