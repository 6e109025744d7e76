"""Forecasts of wins and revenue at the end of each month of a history, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from crm_assets.crm.months import month_of_quarter, shift
from crm_assets.crm.targets import TARGETS
from crm_assets.modeling.hazard.observed import last_day
from crm_assets.modeling.outlook.cells import Cells
from crm_assets.modeling.outlook.combine import combined
from crm_assets.modeling.outlook.history import History
from crm_assets.modeling.outlook.walk import Walk

WINS, REVENUE = MEASURES = ("wins", "revenue")
OPEN, NEW, TOTAL = PARTS = ("open", "new", "total")
# The season of companies is the quarter: the same months of the last quarter are the naive forecast.
SEASON = 3
# Recent months for rates of arrival, and for the mix of new business.
RECENT, MIX = 3, 6
# How many arriving deals the past mix of new business must outweigh.
PSEUDO = 10.0
# How far the last error corrects a forecast, as a power of came over expected; this many wins shrink it.
CORRECTION, PSEUDO_WINS, MOST_STRAYED = 0.5, 10.0, 2.0


@dataclass
class Said:
    """A forecast made at the end of a month, C cells.

    Attributes:
        month: the month.
        mean: by part and measure, shape (C,) each.
        own: likewise, the variance that the chances of single deals explain.
        methods: by what it is combined from: the forecasts of the total by method.
        came: by part and measure what came, if known.
    """

    month: str
    mean: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    own: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    methods: dict[str, dict[str, float]] = field(default_factory=dict)
    came: dict[tuple[str, str], np.ndarray] | None = None


@dataclass(frozen=True)
class OpenDeals:
    """Open deals with their chances and values.

    Attributes:
        places: their positions in the history, shape (n,).
        chance: the chance to be won within the horizon, shape (n,).
        value: revenue if won, shape (n,).
    """

    places: np.ndarray
    chance: np.ndarray
    value: np.ndarray


def forecasts(walk: Walk, cells: Cells, ahead: int, current: OpenDeals) -> list[Said]:
    """Return the forecasts of every month of a history for some months ahead, the last month's last.

    Args:
        walk: gives the chances of open deals.
        cells: what to sum up by.
        ahead: number of months.
        current: the open deals of the last month, as the champion scores them.
    """
    said: list[Said] = []
    history = walk.history
    if not history.months:
        return [_of_open_deals(history, cells, current)]
    for month in history.months:
        past = [row for row in said if shift(row.month, ahead) <= month]
        deals = current if month == history.month else open_deals(walk, month, ahead)
        row = _forecast(walk, cells, ahead, month, deals, past)
        if shift(month, ahead) <= history.month:
            row.came = came(history, cells, month, ahead)
        said.append(row)
    return said


def _of_open_deals(history: History, cells: Cells, deals: OpenDeals) -> Said:
    """Return the forecast while no deal is closed: the open deals alone, since nothing tells of others."""
    row, nothing = Said(history.month), np.zeros(len(cells.level_of))
    for measure, each in ((WINS, deals.chance), (REVENUE, deals.chance * deals.value)):
        row.mean[OPEN, measure] = row.mean[TOTAL, measure] = cells.sums(deals.places, each)
        row.mean[NEW, measure] = nothing
        row.own |= {(part, measure): nothing for part in PARTS}
    return row


def open_deals(walk: Walk, month: str, ahead: int) -> OpenDeals:
    """Return the deals open at the end of a month, as the hazard of closing scores them."""
    history = walk.history
    place = next(number for number, target in enumerate(TARGETS) if target.months == ahead)
    places = np.flatnonzero(history.open_at(month))
    return OpenDeals(places, walk.chances(month)[:, place], history.worth(month, places))


def _forecast(walk: Walk, cells: Cells, ahead: int, month: str, deals: OpenDeals, past: list[Said]) -> Said:
    history, row = walk.history, Said(month)
    noise = _noise_of_value(history, month)
    chance, value = deals.chance, deals.value
    row.mean[OPEN, WINS] = cells.sums(deals.places, chance)
    row.own[OPEN, WINS] = cells.sums(deals.places, chance * (1 - chance))
    row.mean[OPEN, REVENUE] = cells.sums(deals.places, chance * value)
    row.own[OPEN, REVENUE] = cells.sums(deals.places, (chance * (1 - chance) + chance * noise) * value**2)
    recent = [m for m in history.months if shift(m, ahead) <= month][-MIX:]
    new = [history.won_within(m, ahead) & history.new_after(m) for m in recent]
    row.methods["new"] = _new_wins(walk, month, ahead)
    wins = combined(row.methods["new"], _lived(past, "new", NEW, WINS))
    price = _price_of_wins(history, new, month)
    mix = _mix(history, cells, new, month, price)
    said = row.mean[OPEN, WINS][0] + wins
    row.methods[WINS] = {"deals": said} | _naive(history, month, ahead) | _corrected(past, said)
    # The open deals' part is the sum of their chances, so new business makes up the difference.
    rest = max(combined(row.methods[WINS], _lived(past, WINS, TOTAL, WINS)) - row.mean[OPEN, WINS][0], 0.0)
    for measure, expected in ((WINS, rest), (REVENUE, rest * price)):
        row.mean[NEW, measure] = expected * mix[measure]
        row.mean[TOTAL, measure] = row.mean[OPEN, measure] + row.mean[NEW, measure]
    row.own[NEW, WINS] = row.mean[NEW, WINS]
    row.own[NEW, REVENUE] = row.mean[NEW, REVENUE] * price * (1 + noise)
    for measure in MEASURES:
        row.own[TOTAL, measure] = row.own[OPEN, measure] + row.own[NEW, measure]
    return row


def at_least(cells: Cells, row: Said, shorter: dict[str, np.ndarray] | None) -> None:
    """Raise the new business of a forecast to that of a shorter horizon, cell by cell; levels still add up.

    Args:
        cells: the cells.
        row: the forecast, changed in place.
        shorter: new business of the shorter horizon by measure, shape (C,) each.
    """
    if shorter is None:
        return
    for measure in MEASURES:
        new, least = row.mean[NEW, measure], shorter[measure]
        more = max(new[0] - least[0], 0.0)
        beyond = np.maximum(new - least, 0.0)
        row.mean[NEW, measure] = least + more * cells.shared(beyond)
        row.mean[TOTAL, measure] = row.mean[OPEN, measure] + row.mean[NEW, measure]


def _lived(past: list[Said], what: str, part: str, measure: str) -> list[tuple[dict[str, float], float]]:
    return [(row.methods[what], row.came[part, measure][0]) for row in past if row.came is not None]


def _new_wins(walk: Walk, month: str, ahead: int) -> dict[str, float]:
    """Return the wins of deals that are not engaged yet, by method.

    `hazard`: deals arrive as in recent months and close as the hazard says. `season`: as many of each
    arriving deal as in the same months of the last quarter. `recent`: as in recent months.
    """
    history = walk.history
    arriving = _arriving(history, month)
    found = {"hazard": arriving / 30.4 * walk.fitted(month).won_of_arriving(month, ahead)}
    known = [m for m in history.months if shift(m, ahead) <= month]
    rate = {m: _rate(history, m, ahead) for m in known[-SEASON * 2 :]}
    same = [m for m in rate if month_of_quarter(m) == month_of_quarter(month)]
    if same:
        found["season"] = rate[same[-1]] * arriving
    if known:
        found["recent"] = float(np.mean([rate[m] for m in known[-RECENT:]])) * arriving
    return found


def _arriving(history: History, month: str) -> float:
    return float(np.mean([history.engaged_in(shift(month, -back)).sum() for back in range(RECENT)]))


def _rate(history: History, month: str, ahead: int) -> float:
    new = history.won_within(month, ahead) & history.new_after(month)
    return float(new.sum() / max(_arriving(history, month), 1.0))


def _naive(history: History, month: str, ahead: int) -> dict[str, float]:
    """Return the wins of the same months of the last quarter, and of the last months, if recorded whole."""
    starts = {"season": shift(month, -SEASON), "last": shift(month, -ahead)}
    first = history.months[0]
    return {
        name: float(history.won_within(start, ahead).sum())
        for name, start in starts.items()
        if shift(start, 1) >= first
    }


def _corrected(past: list[Said], said: float) -> dict[str, float]:
    """Return the deals' forecast, moved halfway (in logs) by how the last one of known outcome strayed."""
    if not past or past[-1].came is None:
        return {}
    came, expected = past[-1].came[TOTAL, WINS][0], past[-1].methods[WINS]["deals"]
    strayed = (came + PSEUDO_WINS) / (expected + PSEUDO_WINS)
    return {"corrected": said * float(np.clip(strayed, 1 / MOST_STRAYED, MOST_STRAYED)) ** CORRECTION}


def _price_of_wins(history: History, new: list[np.ndarray], month: str) -> float:
    """Return the mean revenue of the new wins of recent months, or of all wins while there are none."""
    chosen = np.concatenate([np.flatnonzero(rows) for rows in new]) if new else np.zeros(0, dtype="int64")
    if not len(chosen):
        chosen = np.flatnonzero(history.won & (history.closed <= last_day(month)))
    return float(history.value[chosen].mean()) if len(chosen) else 0.0


def _mix(
    history: History, cells: Cells, new: list[np.ndarray], month: str, price: float
) -> dict[str, np.ndarray]:
    """Return the share of each cell in new business: recent new wins, and a little of who starts deals."""
    found = {}
    for measure, each in ((WINS, 1.0), (REVENUE, price)):
        begun = history.once(("begun", month, measure), partial(_begun, history, cells, month, measure))
        share = PSEUDO * each * cells.shared(begun)
        for rows in map(np.flatnonzero, new):
            share += cells.sums(rows, None if measure == WINS else history.value[rows])
        found[measure] = cells.shared(share)
    return found


def _begun(history: History, cells: Cells, month: str, measure: str) -> np.ndarray:
    """Return by cell the deals of the last months, counted, or by what they are worth."""
    months = [shift(month, -back) for back in range(RECENT)]
    rows = np.flatnonzero(np.logical_or.reduce([history.engaged_in(each) for each in months]))
    return cells.sums(rows, None if measure == WINS else history.worth(month, rows))


def _noise_of_value(history: History, month: str) -> float:
    """Return the squared coefficient of variation of what won deals fetch around their worth."""
    won = history.won & (history.closed <= last_day(month))
    expected = history.worth(month, won)
    some = expected > 0
    return float(np.var(history.value[won][some] / expected[some])) if some.sum() > 1 else 0.0


def came(history: History, cells: Cells, month: str, ahead: int) -> dict[tuple[str, str], np.ndarray]:
    """Return what was won within some months after a month, by part and measure, shape (C,) each.

    Args:
        history: a history that reaches beyond these months.
        cells: what to sum up by.
        month: the month at whose end the forecast was made.
        ahead: number of months.
    """
    won, new = history.won_within(month, ahead), history.new_after(month)
    found = {}
    for part, rows in ((OPEN, won & ~new), (NEW, won & new), (TOTAL, won)):
        found[part, WINS] = cells.sums(rows)
        found[part, REVENUE] = cells.sums(rows, history.value[rows])
    return found
