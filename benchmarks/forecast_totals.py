"""Total forecasts beside plain rules, and how many of the intervals hold what came."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from crm_assets.crm.months import shift
from crm_assets.modeling.folds import Split
from crm_assets.modeling.outlook import past
from crm_assets.modeling.outlook.cells import Cells
from crm_assets.modeling.outlook.history import LEVELS, History
from crm_assets.modeling.outlook.past import MEASURES
from crm_assets.modeling.outlook.walk import Walk

PARTS = ("expected", "new", "total")
# How many validation months the table of months shows beside the test months.
SHOWN = 4
# What the total is combined from, and the steps of the weights that are tried in hindsight.
METHODS, STEPS = ("deals", "season", "last", "corrected"), 20


@dataclass(frozen=True)
class Walked:
    """The forecasts of one data set.

    Attributes:
        name: its name.
        split: validation and test months.
        forecasts: `revenue_forecast` by month.
        last: the last month's history, with all that came.
        features: the features that the audit admits.
    """

    name: str
    split: Split
    forecasts: dict[str, pd.DataFrame]
    last: History
    features: list[str]

    @property
    def parts(self) -> tuple[tuple[str, list[str]], ...]:
        """The months by purpose, and all together."""
        return ("validation", self.split.validation), ("test", self.split.test), ("all", self.split.scored)


def totals(walked: list[Walked]) -> str:
    """Return the total forecast beside the plain rules: each month of the dumps' test months, and pooled."""
    rules = {"total": "forecast", "open": "open deals", "last": "last month", "season": "same season"}
    rules["rate"] = "rate x price"
    lines = [
        f"| data | measure | months | bias | {' | '.join(rules.values())} |",
        f"|{' --- |' * (4 + len(rules))}",
    ]
    detail = [
        "| data | month | wins expected | interval | came | from open deals | came |",
        f"|{' --- |' * 7}",
    ]
    for one in walked:
        table = pd.DataFrame([_month(one, month) for month in one.split.scored])
        for measure_name in MEASURES:
            for label, months in one.parts:
                part = table[table["month"].isin(months)]
                came = part[f"came_{measure_name}"]
                said = [
                    f"{(part[f'{rule}_{measure_name}'] - came).abs().sum() / came.sum():.1%}"
                    for rule in rules
                ]
                bias = f"{(part[f'total_{measure_name}'] - came).sum() / came.sum():+.1%}"
                said.insert(0, bias)
                lines.append(f"| {one.name} | {measure_name} | {label} ({len(part)}) | {' | '.join(said)} |")
        shown = table[table["month"].isin([*one.split.validation[-SHOWN:], *one.split.test])]
        detail += [_detail(one.name, row) for row in shown.to_dict("records")]
    return "\n".join([*lines, "", *detail])


def _detail(name: str, row: dict[str, Any]) -> str:
    """Return a line of the table of months."""
    between = "too few months" if pd.isna(row["low"]) else f"{row['low']:.0f} to {row['high']:.0f}"
    numbers = (row["came_wins"], row["open_wins"], row["came_open"])
    rest = " | ".join(f"{number:.0f}" for number in numbers)
    return f"| {name} | {shift(row['month'], 1)} | {row['total_wins']:.0f} | {between} | {rest} |"


def _month(one: Walked, month: str) -> dict[str, object]:
    """Return the total forecast of a month, what came, and what the plain rules say."""
    forecast, history = one.forecasts[month], one.last
    total = forecast[(forecast["level"] == "total") & (forecast["horizon_months"] == 1)].iloc[0]
    known = history.as_of(month)
    closed = known["stage"].isin(["Won", "Lost"]).to_numpy()
    rate = (known["stage"] == "Won").to_numpy().sum() / max(closed.sum(), 1)
    price = known["list_price"].to_numpy()[~closed].sum()
    row: dict[str, object] = {
        "month": month,
        "low": total["total_wins_low"],
        "high": total["total_wins_high"],
    }
    row |= {"rate_wins": rate * (~closed).sum(), "rate_revenue": rate * price}
    row |= {f"open_{name}": total[f"expected_{name}"] for name in MEASURES}
    won = history.won_within(month, 1)
    row["came_open"] = (won & history.open_at(month)).sum()
    for rule, start in (("came", month), ("last", shift(month, -1)), ("season", shift(month, -3))):
        chosen = history.won_within(start, 1)
        row |= {f"{rule}_wins": chosen.sum(), f"{rule}_revenue": history.value[chosen].sum()}
    return row | {f"total_{name}": total[f"total_{name}"] for name in MEASURES}


def hindsight(walked: list[Walked]) -> str:
    """Return what each method of the total, and the best fixed mix of them, would have reached in hindsight.

    No forecast could know this mix: it is the one with the least WAPE on the same months.
    """
    lines = [
        "| data | forecast | best fixed mix in hindsight | its weights | by method |",
        f"|{' --- |' * 5}",
    ]
    for one in walked:
        walk = Walk(one.last, one.features)
        deals = past.open_deals(walk, one.last.month, 1)
        said = {row.month: row for row in past.forecasts(walk, Cells(one.last), 1, deals)}
        rows = [said[month] for month in one.split.scored]
        names = [name for name in METHODS if all(name in row.methods[past.WINS] for row in rows)]
        forecasts = np.array([[row.methods[past.WINS][name] for name in names] for row in rows])
        came = np.array([row.came[past.TOTAL, past.WINS][0] for row in rows if row.came is not None])
        own = np.array([row.mean[past.TOTAL, past.WINS][0] for row in rows])
        mixes = [
            np.array(mix) / STEPS for mix in product(range(STEPS + 1), repeat=len(names)) if sum(mix) == STEPS
        ]
        wapes = [np.abs(forecasts @ mix - came).sum() / came.sum() for mix in mixes]
        best = mixes[int(np.argmin(wapes))]
        alone = np.abs(forecasts - came[:, None]).sum(axis=0) / came.sum()
        weights = ", ".join(
            f"{name} {weight:.2f}" for name, weight in zip(names, best, strict=True) if weight
        )
        each = ", ".join(f"{name} {wape:.1%}" for name, wape in zip(names, alone, strict=True))
        forecast = np.abs(own - came).sum() / came.sum()
        lines.append(f"| {one.name} | {forecast:.1%} | {min(wapes):.1%} | {weights} | {each} |")
    return "\n".join(lines)


def coverage(walked: list[Walked]) -> str:
    """Return how many of the 80 % intervals hold what came, and how wide they are."""
    parts = [_held(one, month) for one in walked for month in one.split.scored]
    found = pd.concat([part for part in parts if len(part)])
    lines = ["| level | part | measure | intervals | hold | width / mean |", f"|{' --- |' * 6}"]
    for level in ("total", *LEVELS, "all"):
        rows = found if level == "all" else found[found["level"] == level]
        for key, group in rows.groupby(["part", "measure"], sort=False):
            said = " | ".join(map(str, key if isinstance(key, tuple) else (key,)))
            held, width = group["holds"].mean(), group["width"].sum() / group["mean"].sum()
            lines.append(f"| {level} | {said} | {len(group):,} | {held:.0%} | {width:.2f} |")
    return "\n".join(lines)


def _held(one: Walked, month: str) -> pd.DataFrame:
    history, parts = one.last, []
    for row in one.forecasts[month].to_dict("records"):
        ahead, level = int(row["horizon_months"]), str(row["level"])
        if shift(month, ahead) > history.month or pd.isna(row["total_wins_low"]):
            continue
        mine = np.ones(len(history.deals), dtype=bool)
        if level != "total":
            names = history.deals[level].astype("object")
            mine = (names.isna() if pd.isna(row["name"]) else names == row["name"]).to_numpy()
        won, new = history.won_within(month, ahead) & mine, history.new_after(month)
        for part, chosen in zip(PARTS, (won & ~new, won & new, won), strict=True):
            for name in MEASURES:
                came = chosen.sum() if name == "wins" else history.value[chosen].sum()
                mean, low, high = (row[f"{part}_{name}{end}"] for end in ("", "_low", "_high"))
                parts.append((level, part, name, low <= came <= high, high - low, mean))
    return pd.DataFrame(parts, columns=pd.Index(["level", "part", "measure", "holds", "width", "mean"]))
