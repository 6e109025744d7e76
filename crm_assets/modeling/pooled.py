"""The pooled rate: what speaks if the data is not enough for a model.

Every open deal gets the share of past deals of its age that were won in time, shrunk to the share of all
deals. If the audit admits the CRM's stage, age is pooled within stages.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from crm_assets.crm.tables import CHAMPION
from crm_assets.modeling.baselines import season
from crm_assets.modeling.explanation import PUSHED_DOWN, PUSHED_UP
from crm_assets.modeling.training_rows import DEAL, TrainingRows
from crm_assets.modeling.verdicts import POOLED_RATE, RATES

AGE, STAGE = "days_open", "stage_position"
# The first day of each group of ages.
AGES = (0, 31, 61, 91, 181)
# Every group starts from this many pseudo-deals at the rate of the groups that it belongs to.
PSEUDO_DEALS = 20


def leaderboard() -> pd.DataFrame:
    """Return the table `champion` of data that is not enough for a model: one row, without scores."""
    row = {"contender": POOLED_RATE, "baseline": False, "chosen": True, "in_force": True}
    return pd.DataFrame([row], columns=pd.Index(CHAMPION.names)).astype(
        {column.name: "float64" for column in CHAMPION.columns if column.dtype == "float64"}
    )


def rate_in_force(board: pd.DataFrame) -> str | None:
    """Return the rate that makes the predictions, according to the table `champion`; None if a model does.

    It is `POOLED_RATE` if the data is not enough for a model, and `SEASONAL_RATE` if the only model is worse.
    """
    rates = board.loc[board["in_force"] & board["contender"].isin(RATES), "contender"]
    return None if rates.empty else str(rates.iloc[0])


def seasonal_rates(rows: TrainingRows, deals: pd.DataFrame, month: str) -> pd.DataFrame:
    """Return the seasonal rate of each open deal of a month, in the form of `pooled_rates`.

    Args:
        rows: the training set.
        deals: one month of `win_features`.
        month: the month, `YYYY-MM`.
    """
    kept = deals if rows.labeled(month) else deals.iloc[:0]
    probability = season(rows, rows.labeled(month)).of(kept) if len(kept) else np.zeros(0)
    return kept[[DEAL]].assign(probability=probability, **_pushes(kept, np.zeros(len(kept))))


def pooled_rates(rows: TrainingRows, deals: pd.DataFrame, month: str, features: list[str]) -> pd.DataFrame:
    """Return the pooled rate of each open deal of a month, from the labels known at its end.

    Args:
        rows: the training set.
        deals: one month of `win_features`, with `deal_features`.
        month: the month, `YYYY-MM`.
        features: the features that the audit admits.

    Returns:
        `opportunity_id`, `probability`, and the explanation as `modeling.explanation.explain` gives it. No
        rows if no label is known by then.
    """
    by = [name for name in (STAGE,) if name in features and name in rows.columns]
    label, known = rows.target.name, rows.labeled(month)
    past = rows.rows(known, [*by, AGE, label]) if known else pd.DataFrame()
    if past.empty or deals.empty:
        kept = deals.iloc[:0]
        return kept[[DEAL]].assign(probability=np.zeros(0), **_pushes(kept, np.zeros(0)))
    # Half a win among one deal more: nothing is certain.
    rate = (past[label].sum() + 0.5) / (len(past) + 1)
    probability = np.full(len(deals), rate)
    for keys in ([by] if by else []) + [[*by, AGE]]:
        tallies = _grouped(past, keys).assign(**{label: past[label]})
        groups = tallies.groupby(keys, dropna=False)[label].agg(wins="sum", deals="count").reset_index()
        found = _grouped(deals, keys).merge(groups, how="left", on=keys)
        wins, counted = (found[name].fillna(0).to_numpy() for name in ("wins", "deals"))
        probability = (wins + PSEUDO_DEALS * probability) / (counted + PSEUDO_DEALS)
    return deals[[DEAL]].assign(probability=probability, **_pushes(deals, probability - rate))


def _grouped(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    groups = {AGE: np.searchsorted(AGES, table[AGE].to_numpy(), side="right")} if AGE in keys else {}
    return table[keys].assign(**groups).reset_index(drop=True).set_axis(table.index)


def _pushes(deals: pd.DataFrame, push: np.ndarray) -> dict[str, pd.api.extensions.ExtensionArray]:
    """Return what pushes each deal up and down: its age."""
    said = [{"feature": AGE, "value": str(days)} for days in deals[AGE]]
    lists = {}
    for column, sign in ((PUSHED_UP, 1), (PUSHED_DOWN, -1)):
        values = [
            [one | {"contribution": p}] if sign * p > 0 else [] for one, p in zip(said, push, strict=True)
        ]
        kind = pa.list_(pa.struct([("feature", "string"), ("value", "string"), ("contribution", "float64")]))
        lists[column] = pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(values, kind)]))
    return lists
