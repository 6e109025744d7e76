"""Whether blends of closing_hazard with boosting do better on the validation months than the hazard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.modeling import bootstrap
from crm_assets.modeling.calibration_row import inner
from crm_assets.modeling.folds import Split
from crm_assets.modeling.metrics import scores
from crm_assets.modeling.training_rows import KEYS, MONTH

HAZARD, OTHERS = "closing_hazard", ("xgboost", "gradient_boosting", "random_forest")
SHARES = (0.25, 0.5)
LABEL = DEFAULT_TARGET.name


def blends(data: Mapping[str, tuple[Split, Mapping[str, pd.DataFrame]]]) -> str:
    """Return a table of blends: their validation ROC AUC and log loss less those of the hazard.

    Args:
        data: by data set its split and the walk-forward scores by algorithm.
    """
    lines = [
        "| data | blend | ROC AUC | against the hazard | ± | log loss | against the hazard | ± |",
        f"|{' --- |' * 8}",
    ]
    for name, (split, backtests) in data.items():
        table = _side_by_side(split, backtests)
        outcome = table[LABEL].to_numpy()
        hazard = table[HAZARD].to_numpy()
        own = scores(outcome, inner(hazard))
        for what, said in _blended(table, split):
            chosen = ~np.isnan(said)
            found = scores(outcome[chosen], inner(said[chosen]))
            base = own if chosen.all() else scores(outcome[chosen], inner(hazard[chosen]))
            rows = table[chosen]
            auc = bootstrap.auc_difference_error(rows[KEYS], outcome[chosen], said[chosen], hazard[chosen])
            loss = _loss(outcome[chosen], said[chosen]) - _loss(outcome[chosen], hazard[chosen])
            cells = [f"{found['roc_auc']:.3f}", f"{found['roc_auc'] - base['roc_auc']:+.4f}", f"{auc:.4f}"]
            cells += [f"{found['log_loss']:.3f}", f"{loss.mean():+.4f}"]
            cells.append(f"{bootstrap.mean_standard_error(rows, loss):.4f}")
            lines.append(f"| {name} | {what} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _side_by_side(split: Split, backtests: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return keys, label and the scores of each algorithm on the validation months."""
    table = pd.DataFrame()
    for name in (HAZARD, *OTHERS):
        rows = backtests[name][backtests[name][MONTH].isin(split.validation)]
        rows = rows[[*KEYS, LABEL, "probability"]].rename(columns={"probability": name})
        table = rows if table.empty else table.merge(rows.drop(columns=LABEL), on=KEYS)
    return table


def _blended(table: pd.DataFrame, split: Split) -> Iterator[tuple[str, np.ndarray]]:
    """Yield blends in log-odds: of fixed shares, and stacked on the validation months before."""
    odds = {name: logit(inner(table[name].to_numpy())) for name in (HAZARD, *OTHERS)}
    for other in OTHERS:
        for share in SHARES:
            yield f"{share:.0%} {other}", expit((1 - share) * odds[HAZARD] + share * odds[other])
    columns = np.column_stack(list(odds.values()))
    month, outcome = table[MONTH].to_numpy(), table[LABEL].to_numpy()
    said = np.full(len(table), np.nan)
    for place, scored in enumerate(split.validation[1:], start=1):
        known, now = np.isin(month, split.validation[:place]), month == scored
        if len(set(outcome[known])) > 1:
            said[now] = (
                LogisticRegression().fit(columns[known], outcome[known]).predict_proba(columns[now])[:, 1]
            )
    yield "stacked, from the second month on", said


def _loss(outcome: np.ndarray, said: np.ndarray) -> np.ndarray:
    chance = inner(said)
    return -(outcome * np.log(chance) + (1 - outcome) * np.log1p(-chance))
