"""The gates of the features: numbers are in their bounds, and labels are 0, 1 or not known yet."""

from __future__ import annotations

from crm_assets.crm import feature_table
from crm_assets.crm.contract import contract
from crm_assets.crm.feature_table import LABEL, LABELS
from crm_assets.crm.rules import Between, InSet, NotNull, Rule
from crm_assets.crm.tables import TRAINING_SET, WIN_FEATURES
from crm_assets.defs.checks.shifts import steady, steady_rate
from crm_assets.defs.checks.suite import Suite

_RANGES: tuple[Rule, ...] = tuple(
    Between(
        name=f"{feature.name}_in_range", column=feature.name, low=feature.bounds[0], high=feature.bounds[1]
    )
    for feature in feature_table.FEATURES
    if feature.bounds is not None and feature.bounds != (None, None)
)
_LABELS = tuple(
    InSet(
        name="label_is_0_or_1" if label is LABEL else f"{label.name}_is_0_or_1",
        column=label.name,
        values=(0, 1),
    )
    for label in LABELS
)

FEATURES = Suite(WIN_FEATURES, (*contract(WIN_FEATURES), *_RANGES, *_LABELS))
TRAINING = Suite(
    TRAINING_SET,
    (
        *contract(TRAINING_SET),
        *_RANGES,
        *_LABELS,
        NotNull(name="label_is_there", column=LABEL.name),
    ),
)

MONTHLY_SUITES = (FEATURES, steady(WIN_FEATURES, "open_deals"), steady_rate(WIN_FEATURES))
