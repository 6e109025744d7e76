"""Chooses the champion on the validation months and reports it on the test months.

The choice follows the one-standard-error rule (Breiman et al., Classification and Regression Trees,
1984; Hastie et al., The Elements of Statistical Learning, section 7.10): the simplest algorithm
whose validation ROC AUC is within one standard error of the best, by bootstrap over deals. A lead that chance
can explain does not justify a model that drifts more and explains less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from crm_assets.crm.frames import Frames
from crm_assets.crm.targets import Target
from crm_assets.errors import NotEnoughDataError, StorageError
from crm_assets.modeling import algorithms
from crm_assets.modeling.algorithm import Algorithm, Estimator, Snapshot
from crm_assets.modeling.baselines import seasonal_rate
from crm_assets.modeling.bootstrap import auc_standard_error
from crm_assets.modeling.calibration import (
    CalibratedModel,
    calibrate_walk_forward,
    choose_calibration,
    fit_calibrator,
)
from crm_assets.modeling.calibration_row import Calibration
from crm_assets.modeling.calibrations import CALIBRATIONS
from crm_assets.modeling.explanation import explain
from crm_assets.modeling.folds import FoldModels, Split, last_lesson, lessons
from crm_assets.modeling.metrics import METRICS, auc_of_months, label_of, pooled, scores_by_month
from crm_assets.modeling.space import Parameters
from crm_assets.modeling.training_rows import DEAL, MONTH, TrainingRows
from crm_assets.modeling.verdicts import SEASONAL_RATE

NO_CALIBRATION = next(row for row in CALIBRATIONS if row.name == "none")


@dataclass(frozen=True)
class Candidate:
    """A model that may become champion, with the evidence for it.

    Attributes:
        target: the target that it predicts.
        algorithm: the name of its algorithm.
        calibration: the name of its calibration.
        model: the calibrated model, refitted on all labeled months.
        features: the features that it uses, in order.
        trained_months: the labeled months that it learned from.
        split: validation and test months.
        walk_forward: calibrated walk-forward predictions of the scored months.
        explained: the same by month, with an explanation of each deal; built on demand.
        by_month: ROC AUC by month of each algorithm's uncalibrated scores, and all metrics of the baseline.
        leaderboard: one row per contender.
        parameters: what the algorithm was built with, if a search chose it.
        trials: how many configurations that search tried; 0 without a search.
    """

    target: Target
    algorithm: str
    calibration: str
    model: CalibratedModel
    features: list[str]
    trained_months: list[str]
    split: Split
    walk_forward: pd.DataFrame
    explained: Mapping[str, pd.DataFrame]
    by_month: dict[str, pd.DataFrame]
    leaderboard: pd.DataFrame
    parameters: Parameters = field(default_factory=dict)
    trials: int = 0

    @property
    def built(self) -> Algorithm:
        """The algorithm with its parameters."""
        return algorithms.algorithm(self.algorithm).tuned(self.parameters)

    @property
    def seasonal_test(self) -> dict[str, float]:
        """The metrics of the seasonal rate on the test months."""
        (row,) = self.leaderboard[self.leaderboard["contender"] == SEASONAL_RATE].to_dict("records")
        return {metric: float(row[f"test_{metric}"]) for metric in METRICS}


def leaderboard(
    rows: TrainingRows, backtests: Mapping[str, pd.DataFrame], split: Split
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Compare the algorithms and the seasonal rate on the same months.

    Args:
        rows: the training set.
        backtests: walk-forward scores by algorithm; each is read once.
        split: validation and test months.

    Returns:
        The leaderboard, one row per contender, the chosen one first, then by validation ROC AUC: `contender`,
        `baseline`, `chosen`, `calibration`, `validation_*` (from uncalibrated scores) with the standard
        error of the ROC AUC, and `test_*` (from calibrated scores). And by contender the ROC AUC of its
        uncalibrated scores by month; of the seasonal rate all metrics.

    Raises:
        NotEnoughDataError: the validation months cannot rank algorithms.
    """
    contenders, by_month = [], {}
    baseline = seasonal_rate(rows, split.scored)
    seasonal = (
        _row(SEASONAL_RATE, NO_CALIBRATION, baseline, baseline, split),
        scores_by_month(baseline, split.scored),
    )
    del baseline
    for name in backtests:
        scores = backtests[name]
        calibration = choose_calibration(scores, split, rows.target)
        reported = calibrate_walk_forward(scores, split, split.test, rows.target, calibration)
        contenders.append(_row(name, calibration, scores, reported, split))
        by_month[name] = auc_of_months(scores)
        # They are large: free them before reading the next.
        del scores, reported
    board = pd.DataFrame([seasonal[0], *contenders])
    board.insert(2, "chosen", board["contender"] == _choice(board[~board["baseline"]], split))
    board = board.sort_values(
        ["chosen", "baseline", "validation_roc_auc", "contender"], ascending=[False, True, False, True]
    ).reset_index(drop=True)
    return board, by_month | {SEASONAL_RATE: seasonal[1]}


def chosen_of(board: pd.DataFrame) -> Algorithm:
    """Return the algorithm that a leaderboard chooses."""
    return algorithms.algorithm(str(board.loc[board["chosen"], "contender"].item()))


def calibration_of(board: pd.DataFrame) -> Calibration:
    """Return the calibration of the algorithm that a leaderboard chooses."""
    name = board.loc[board["chosen"], "calibration"].item()
    return next(row for row in CALIBRATIONS if row.name == name)


def decided(
    board: pd.DataFrame, promoted: bool, former: str | None, former_test: dict[str, float] | None
) -> pd.DataFrame:
    """Add to the leaderboard the previous champion, and which contender makes the predictions now.

    If there is no champion, the seasonal rate does.

    Args:
        board: the leaderboard.
        promoted: whether the chosen contender is champion now.
        former: registered version of the previous champion, the second baseline; None if there was none.
        former_test: its metrics on the test months of the board, or None if there are none.
    """
    in_force = board["chosen"] if promoted else board["contender"] == SEASONAL_RATE
    board = board.assign(in_force=in_force & (promoted or former is None))
    if former is None or former_test is None:
        return board
    row: dict[str, object] = {"contender": f"champion_version_{former}", "baseline": True, "chosen": False}
    row |= {"in_force": not promoted} | {f"test_{metric}": former_test[metric] for metric in METRICS}
    return pd.DataFrame([*board.to_dict("records"), row], columns=board.columns)


def candidate(
    rows: TrainingRows,
    features: list[str],
    backtests: Mapping[str, pd.DataFrame],
    split: Split,
    seed: int,
    models: FoldModels | None = None,
    snapshot: Snapshot | None = None,
    contenders: Mapping[str, tuple[Algorithm, int]] | None = None,
) -> Candidate:
    """Choose an algorithm, calibrate it and refit it on all labeled months.

    Args:
        rows: the training set.
        features: the features that may be used.
        backtests: walk-forward scores by algorithm.
        split: validation and test months.
        seed: seed for everything random.
        models: the models that the backtests fitted, to explain past months.
        snapshot: reads `monthly_snapshots` of a month, for algorithms that learn from them.
        contenders: the row that each backtest was made with, and how many configurations a search tried for
            it; by default the rows of the table.

    Raises:
        NotEnoughDataError: the validation months cannot rank algorithms.
    """
    board, by_month = leaderboard(rows, backtests, split)
    chosen, calibration = chosen_of(board), calibration_of(board)
    chosen, trials = (contenders or {}).get(chosen.name, (chosen, 0))
    scores = backtests[chosen.name]
    kept = models or FoldModels()
    fitted = kept.learned(chosen, last_lesson(rows, features, seed, snapshot))
    model = CalibratedModel(fitted, fit_calibrator(scores, calibration), chosen.name)
    past = calibrate_walk_forward(scores, split, target=rows.target, calibration=calibration)
    del scores

    def explained(month: str) -> pd.DataFrame:
        (lesson,) = lessons(rows, [month], features, seed, snapshot)
        predictions, deals = past[past[MONTH] == month], rows.rows([month])
        return _explained(chosen, predictions, deals, features, kept.learned(chosen, lesson))

    return Candidate(
        target=rows.target,
        algorithm=chosen.name,
        calibration=calibration.name,
        model=model,
        features=features,
        trained_months=rows.months,
        split=split,
        walk_forward=past,
        explained=Frames(split.scored, explained),
        by_month=by_month,
        leaderboard=board,
        parameters=dict(chosen.parameters),
        trials=trials,
    )


def _choice(contenders: pd.DataFrame, split: Split) -> str:
    """Return the simplest algorithm within one standard error of the best validation ROC AUC."""
    if contenders["validation_roc_auc"].isna().any():
        raise NotEnoughDataError(
            f"No deal, or every deal, is won in the validation months ({', '.join(split.validation)}), so "
            "algorithms cannot be ranked; add months of data."
        )
    best = contenders.loc[contenders["validation_roc_auc"].idxmax()]
    bar = best["validation_roc_auc"] - best["validation_roc_auc_se"]
    good = set(contenders.loc[contenders["validation_roc_auc"] >= bar, "contender"])
    return next(row.name for row in algorithms.known() if row.name in good)


def _row(
    name: str, calibration: Calibration, scores: pd.DataFrame, calibrated: pd.DataFrame, split: Split
) -> dict[str, object]:
    validation, test = pooled(scores, split.validation), pooled(calibrated, split.test)
    chosen = scores[scores[MONTH].isin(split.validation)]
    return {
        "contender": name,
        "baseline": name == SEASONAL_RATE,
        "calibration": calibration.name,
        **{f"validation_{metric}": validation[metric] for metric in METRICS},
        "validation_roc_auc_se": auc_standard_error(chosen, label_of(scores)),
        **{f"test_{metric}": test[metric] for metric in METRICS},
    }


def _explained(
    chosen: Algorithm, predictions: pd.DataFrame, deals: pd.DataFrame, features: list[str], fitted: Estimator
) -> pd.DataFrame:
    """Add to each prediction of a month its explanation, by the model that scored the month."""
    if not np.array_equal(predictions[DEAL].to_numpy(), deals[DEAL].to_numpy()):
        raise StorageError(
            f"The walk-forward scores of {chosen.name} and training_set have different deals: materialize "
            f"{chosen.name} again, then champion."
        )
    pushes = explain(chosen, fitted, deals, features)
    return pd.concat([predictions.reset_index(drop=True), pushes.reset_index(drop=True)], axis=1)
