"""The gates of the features: numbers are in their bounds, and labels are 0, 1 or not known yet."""

from __future__ import annotations

from collections.abc import Iterable

from crm_assets.crm import deal_feature_table, feature_table
from crm_assets.crm.all_features import ALL_FEATURES
from crm_assets.crm.contract import contract
from crm_assets.crm.feature import Feature
from crm_assets.crm.feature_table import LABEL, LABELS
from crm_assets.crm.rules import Between, InSet, NotNull, Rule
from crm_assets.crm.tables import DEAL_FEATURES_TABLE, TRAINING_SET, WIN_FEATURES
from crm_assets.defs.checks.shifts import steady, steady_rate
from crm_assets.defs.checks.suite import Suite


def _ranges(features: Iterable[Feature]) -> tuple[Rule, ...]:
    return tuple(
        Between(name=f"{row.name}_in_range", column=row.name, low=row.bounds[0], high=row.bounds[1])
        for row in features
        if row.bounds is not None and row.bounds != (None, None)
    )


_LABELS = tuple(
    InSet(
        name="label_is_0_or_1" if label is LABEL else f"{label.name}_is_0_or_1",
        column=label.name,
        values=(0, 1),
    )
    for label in LABELS
)

FEATURES = Suite(WIN_FEATURES, (*contract(WIN_FEATURES), *_ranges(feature_table.FEATURES), *_LABELS))
DEAL_FEATURES = Suite(
    DEAL_FEATURES_TABLE,
    (*contract(DEAL_FEATURES_TABLE), *_ranges(deal_feature_table.DEAL_FEATURES)),
)
TRAINING = Suite(
    TRAINING_SET,
    (
        *contract(TRAINING_SET),
        *_ranges(ALL_FEATURES),
        *_LABELS,
        NotNull(name="label_is_there", column=LABEL.name),
    ),
)

MONTHLY_SUITES = (FEATURES, steady(WIN_FEATURES, "open_deals"), steady_rate(WIN_FEATURES))
