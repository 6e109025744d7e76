"""The quality scores of all tables."""

import dagster as dg
import pandas as pd

from crm_assets.crm.schema import RAW_TABLES
from crm_assets.crm.tables import (
    DATA_QUALITY,
    DEAL_FEATURES_TABLE,
    MONTHLY_SNAPSHOTS,
    OPPORTUNITIES,
    QUALITY_SCORES,
    TRAINING_SET,
    WIN_FEATURES,
    WIN_PREDICTIONS,
)
from crm_assets.defs.assets.options import table_asset
from crm_assets.defs.metadata import Fact, quality_score, table
from crm_assets.defs.resources.store import TableStoreResource

RAW = [raw.name for raw in RAW_TABLES]
MADE = [
    table.name
    for table in (
        OPPORTUNITIES,
        MONTHLY_SNAPSHOTS,
        WIN_FEATURES,
        DEAL_FEATURES_TABLE,
        TRAINING_SET,
        WIN_PREDICTIONS,
    )
]


@table_asset(DATA_QUALITY, "quality", "greatexpectations", deps=[QUALITY_SCORES.name, *RAW, *MADE])
def data_quality(context: dg.AssetExecutionContext, tables: TableStoreResource) -> pd.DataFrame:
    """One row per table that has checks: its quality score, the share of rows that break no rule (0 to 1).

    It adds up quality_scores, in which each month counts as its checks last judged it. The overall score
    is the same share over the rows of all tables. It shows whether the data can be trusted.
    """
    store = tables.store
    judged = store.to_pandas(store.read(QUALITY_SCORES.name, store.months(QUALITY_SCORES.name)))
    scores = judged.groupby("table")[["rows", "clean_rows"]].sum()
    scores["score"] = (scores["clean_rows"] / scores["rows"]).fillna(1.0)
    for name, members in {"raw tables": RAW, "tables made of them": MADE, "overall": RAW + MADE}.items():
        sums = scores.loc[scores.index.intersection(members)].sum()
        score = float(sums["clean_rows"] / max(sums["rows"], 1))
        context.add_output_metadata({quality_score(str(name)): score})
    context.add_output_metadata({quality_score(str(name)): float(s) for name, s in scores["score"].items()})
    rows = scores["rows"].reindex(RAW, fill_value=0)
    absent = [raw.name for raw in RAW_TABLES if not raw.is_there(int(rows[raw.name]))]
    context.add_output_metadata(
        {
            Fact.ABSENT_TABLES: ", ".join(absent) or "none",
            Fact.SCORES: table(scores.reset_index()),
        }
    )
    return scores.reset_index()


quality_assets = [data_quality]
