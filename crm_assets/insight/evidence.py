"""The evidence of the leak audit, as the plots of its verdicts show it."""

from __future__ import annotations

import pandas as pd

from crm_assets.insight.reading import Reader
from crm_assets.modeling.leak_evidence import Trace, traces


def evidence(reader: Reader) -> tuple[Trace, ...]:
    """Return the traces of all columns that are not admissible; rates by month, which name no deal."""
    from crm_assets.modeling.leak_audit import DEAL_COLUMNS

    months = reader.store.months("win_features")
    deals = reader.store.read("opportunities")
    frame: pd.DataFrame = reader.store.to_pandas(
        deals.select([name for name in DEAL_COLUMNS if name in deals.columns])
    )
    return tuple(traces(reader.leak_audit(), frame, months[-1]))
