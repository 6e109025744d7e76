"""All features that models may learn from: the 23 of `win_features`, then those of `deal_features`."""

from __future__ import annotations

from crm_assets.crm.deal_feature_table import DEAL_FEATURES
from crm_assets.crm.feature import Feature
from crm_assets.crm.feature_table import FEATURES

ALL_FEATURES: tuple[Feature, ...] = (*FEATURES, *DEAL_FEATURES)
ALL_FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in ALL_FEATURES)


def feature(name: str) -> Feature:
    """Return the feature with this name.

    Raises:
        KeyError: there is no such feature.
    """
    return {row.name: row for row in ALL_FEATURES}[name]
