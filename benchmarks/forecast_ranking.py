"""How many of the deals at the top of a list are won next month, and how much of its revenue they hold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crm_assets.modeling.folds import Split
from crm_assets.modeling.outlook.history import History

TOPS = (50, 100)
Row = tuple[str, Split, dict[str, pd.DataFrame], History]


def top_lines(measured: list[Row]) -> str:
    """Return a table of precision and lift of the top deals by several orders, and their share of revenue.

    Args:
        measured: by data set its name, split, `win_predictions` by month, and the last month's history.
    """
    orders = ("probability", "newest first", "list price", "age near the usual cycle", "expected revenue")
    heads = " | ".join(f"top {top}: won | lift | revenue | of open" for top in TOPS)
    lines = [
        f"| data | months | order | {heads} |",
        f"|{' --- |' * (3 + 4 * len(TOPS))}",
    ]
    for name, split, predictions, history in measured:
        for label, months in (("validation", split.validation), ("test", split.test)):
            for order in orders:
                cells = []
                for top in TOPS:
                    found = [_top(predictions[month], history, month, order, top) for month in months]
                    won, rate, revenue, whole, of_open = (sum(part) for part in zip(*found, strict=True))
                    cells += [
                        f"{won / (top * len(months)):.0%}",
                        f"{won / rate:.1f}",
                        f"{revenue / whole:.0%}",
                        f"{revenue / of_open:.0%}",
                    ]
                lines.append(f"| {name} | {label} ({len(months)}) | {order} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _top(
    predictions: pd.DataFrame, history: History, month: str, order: str, top: int
) -> tuple[float, float, float, float, float]:
    """Return wins of the top deals, of as many at random; revenue of the top, the month, its open deals."""
    place = pd.Series(np.arange(len(history.deals)), index=history.deals["opportunity_id"].to_numpy())
    rows = place.loc[predictions["opportunity_id"].tolist()].to_numpy()
    won, value = history.won_within(month, 1), history.value
    cycle = np.median((history.closed - history.engaged)[_closed_by(history, month)])
    key = {
        "probability": predictions["probability"],
        "newest first": -predictions["days_open"],
        "list price": pd.Series(history.deals["list_price"].to_numpy()[rows]),
        "age near the usual cycle": -(predictions["days_open"] - cycle).abs(),
        "expected revenue": predictions["expected_revenue"],
    }[order].to_numpy()
    first = rows[np.argsort(-key, kind="stable")[:top]]
    all_won, of_open = float(value[won].sum()), float(value[rows][won[rows]].sum())
    return won[first].sum(), won[rows].mean() * len(first), value[first][won[first]].sum(), all_won, of_open


def _closed_by(history: History, month: str) -> np.ndarray:
    return (
        history.as_of(month)["stage"]
        .isin(["Won", "Lost"])
        .reindex(history.deals.index, fill_value=False)
        .to_numpy()
    )
