"""The leaderboard as people read it: what each contender is, and its scores under readable titles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

# The columns of the table `champion` that people read, and their titles.
TITLES = {
    "contender": "contender",
    "role": "role",
    "validation_roc_auc": "validation AUC",
    "test_roc_auc": "test AUC",
    "test_brier": "test Brier",
    "test_ece": "calibration error",
    "test_expected_wins": "expected wins",
    "test_realized_wins": "realized wins",
}
WINS = ("test_expected_wins", "test_realized_wins")


def role(contender: Mapping[Any, Any]) -> str:
    """Return what a row of the table `champion` is, in words.

    >>> role({"in_force": False, "chosen": True, "baseline": False})
    'candidate, not promoted'
    """
    if contender["in_force"]:
        return "makes the predictions" if contender["baseline"] else "champion"
    if contender["chosen"]:
        return "candidate, not promoted"
    return "baseline" if contender["baseline"] else ""


def leaderboard(board: pd.DataFrame) -> pd.DataFrame:
    """Return the contenders with their role and the scores that people read; wins are whole.

    Args:
        board: columns of `crm.tables.CHAMPION`.

    Returns:
        The columns of `TITLES`, under these names.
    """
    rows = board.assign(role=[role(row) for row in board.to_dict("records")])
    return rows[list(TITLES)].assign(**{name: rows[name].round() for name in WINS})
