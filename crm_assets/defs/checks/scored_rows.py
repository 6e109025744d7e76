"""The rows that the champion scores."""

import pandas as pd

from crm_assets.crm.features import with_deal_features
from crm_assets.crm.tables import DEAL_FEATURES_TABLE, WIN_FEATURES
from crm_assets.storage.tables import TableStore


def scored_rows(store: TableStore, month: str) -> pd.DataFrame:
    """Return a month of `win_features`, with the features of `deal_features`."""
    features, further = (store.read(table.name, [month]) for table in (WIN_FEATURES, DEAL_FEATURES_TABLE))
    return store.to_pandas(with_deal_features(features, further))
