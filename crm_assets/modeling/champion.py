"""Choosing the champion on the validation months, and reporting it on the test months.

The choice follows the one-standard-error rule (Breiman et al., Classification and Regression Trees,
1984; Hastie et al., The Elements of Statistical Learning, section 7.10): among the algorithms whose
validation ROC AUC lies within one standard error of the best, the simplest. A lead that chance
explains is no reason for a model that drifts more and says less.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling.algorithms import ALGORITHMS, Algorithm, algorithm
from crm_assets.modeling.backtest import KEYS, Split, folds, train
from crm_assets.modeling.baselines import seasonal_rate
from crm_assets.modeling.calibration import CalibratedModel, calibrate_walk_forward, fit_calibrator
from crm_assets.modeling.explanation import explain
from crm_assets.modeling.metrics import METRICS, pooled, roc_auc_standard_error
from crm_assets.modeling.training_rows import TrainingRows
from crm_assets.modeling.verdicts import SEASONAL_RATE


@dataclass(frozen=True)
class Candidate:
    """A model fit to be champion, with the evidence for it.

    Attributes:
        algorithm: its name.
        model: calibrated, refitted on all labelled months.
        features: what it uses, in order.
        trained_months: the labelled months that it has seen.
        split: which months chose and which reported.
        walk_forward: calibrated walk-forward predictions of the scored months, with explanations.
        contenders: uncalibrated walk-forward scores of each algorithm and baseline.
        leaderboard: one row per contender.
    """

    algorithm: str
    model: CalibratedModel
    features: list[str]
    trained_months: list[str]
    split: Split
    walk_forward: pd.DataFrame
    contenders: dict[str, pd.DataFrame]
    leaderboard: pd.DataFrame


def leaderboard(baseline: pd.DataFrame, backtests: dict[str, pd.DataFrame], split: Split) -> pd.DataFrame:
    """Compare the algorithms, and the seasonal rate, on the same months.

    Args:
        baseline: the result of `baselines.seasonal_rate` for the scored months.
        backtests: walk-forward scores by algorithm.
        split: which months choose and which report.

    Returns:
        One row per contender, the chosen one first, then by validation ROC AUC: `contender`, `baseline`,
        `chosen`, `validation_*` (uncalibrated scores, which choose), with the standard error of the
        ROC AUC, and `test_*` (calibrated, which report).

    Raises:
        NotEnoughDataError: no algorithm can be ranked on the validation months.
    """
    contenders = [_row(SEASONAL_RATE, True, baseline, baseline, split)]
    for name, scores in backtests.items():
        contenders.append(_row(name, False, scores, calibrate_walk_forward(scores, split), split))
    board = pd.DataFrame(contenders)
    board.insert(2, "chosen", board["contender"] == _choice(board[~board["baseline"]], split))
    return board.sort_values(
        ["chosen", "baseline", "validation_roc_auc", "contender"], ascending=[False, True, False, True]
    ).reset_index(drop=True)


def decided(
    board: pd.DataFrame, promoted: bool, former: str | None, former_test: dict[str, float] | None
) -> pd.DataFrame:
    """The leaderboard after the decision: with the champion before, and with which one is in force.

    Args:
        board: the leaderboard.
        promoted: whether the chosen contender is champion now.
        former: registered version of the champion before, the second baseline; None where there was none.
        former_test: its metrics on the test months of the board, or None where it has none.
    """
    board = board.assign(in_force=board["chosen"] & promoted)
    if former is None or former_test is None:
        return board
    row: dict[str, object] = {"contender": f"champion_version_{former}", "baseline": True, "chosen": False}
    row |= {"in_force": not promoted} | {f"test_{metric}": former_test[metric] for metric in METRICS}
    return pd.DataFrame([*board.to_dict("records"), row], columns=board.columns)


def candidate(
    rows: TrainingRows,
    features: list[str],
    backtests: dict[str, pd.DataFrame],
    split: Split,
    seed: int,
) -> Candidate:
    """Choose an algorithm, calibrate it and refit it on all labelled months.

    Raises:
        NotEnoughDataError: no algorithm can be ranked on the validation months.
    """
    baseline = seasonal_rate(rows, split.scored)
    board = leaderboard(baseline, backtests, split)
    chosen = algorithm(str(board.loc[board["chosen"], "contender"].item()))
    scores = backtests[chosen.name]
    calibrator = fit_calibrator(scores)
    model = CalibratedModel(train(chosen, rows, rows.months, features, seed), calibrator)
    return Candidate(
        algorithm=chosen.name,
        model=model,
        features=features,
        trained_months=rows.months,
        split=split,
        walk_forward=_explained(calibrate_walk_forward(scores, split), rows, features, chosen, seed),
        contenders=backtests | {SEASONAL_RATE: baseline},
        leaderboard=board,
    )


def _choice(contenders: pd.DataFrame, split: Split) -> str:
    """The simplest algorithm within one standard error of the best validation ROC AUC."""
    if contenders["validation_roc_auc"].isna().any():
        raise NotEnoughDataError(
            f"No deal, or every deal, is won in the validation months ({', '.join(split.validation)}): "
            "no algorithm can be ranked; add months of data."
        )
    best = contenders.loc[contenders["validation_roc_auc"].idxmax()]
    bar = best["validation_roc_auc"] - best["validation_roc_auc_se"]
    good = set(contenders.loc[contenders["validation_roc_auc"] >= bar, "contender"])
    return next(row.name for row in ALGORITHMS if row.name in good)


def _row(
    name: str, baseline: bool, scores: pd.DataFrame, calibrated: pd.DataFrame, split: Split
) -> dict[str, object]:
    validation, test = pooled(scores, split.validation), pooled(calibrated, split.test)
    deals, wins = scores["snapshot_month"].isin(split.validation).sum(), validation["realised_wins"]
    return {
        "contender": name,
        "baseline": baseline,
        **{f"validation_{metric}": validation[metric] for metric in METRICS},
        "validation_roc_auc_se": roc_auc_standard_error(validation["roc_auc"], wins, deals - wins),
        **{f"test_{metric}": test[metric] for metric in METRICS},
    }


def _explained(
    predictions: pd.DataFrame, rows: TrainingRows, features: list[str], chosen: Algorithm, seed: int
) -> pd.DataFrame:
    """Add to each prediction what pushed it, by the very model of its month."""
    parts = []
    for month, before in folds(rows, sorted(predictions["snapshot_month"].unique())):
        pipeline, test = train(chosen, rows, before, features, seed), rows.rows([month])
        parts.append(pd.concat([test[KEYS], explain(pipeline, test, features)], axis=1))
    return predictions.merge(pd.concat(parts), on=KEYS, how="left", validate="one_to_one")
