"""Which columns of a month drifted: the verdicts of `drift_report`.

A month is compared with the months before it, and with those at the same place in the quarter. A column has
drifted if its values, or one of them, are further off than chance and the usual change from month to month
explain (`distance`). Against the preceding months alone, a season would be drift: there, the month must
differ from the same place in the quarter as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from crm_assets.monitoring.compared_months import (
    LEAST_MONTHS,
    PRECEDING,
    SAME_PLACE,
    history,
    pairs_of,
    references,
)
from crm_assets.monitoring.distance import (
    MATTERS,
    Moved,
    Usual,
    by_level,
    calmer,
    moved,
    rows_evidence,
    rows_moved,
    shares,
    typical_of_each,
    usual_evidence,
    whole,
)
from crm_assets.monitoring.levels import Counted, counted, unit_of

# Fewer rows in a month say nothing.
LEAST_ROWS = 30
# The most rows of a month that are compared: beyond that, chance adds less than what matters.
SAMPLE, ROWS = 10_000, "rows"
# There is a season if neighbors differ so much more than months at the same place; so many must tell it.
SEASONAL, LEAST_PAIRS = 1.5, 3


@dataclass(frozen=True)
class MonthRows:
    """The rows of a month.

    Attributes:
        rows: how many there are.
        frame: the rows that are compared, all or a sample, with only the columns to compare.
    """

    rows: int
    frame: pd.DataFrame


@dataclass(frozen=True)
class Population:
    """Rows of a kind by month.

    Attributes:
        name: for people, for example `open deals`.
        months: the rows by month, `YYYY-MM`.
        dated_by: the date column that decides the month of a row; the number of rows is judged under its
            name. None if the number says nothing.
        shared: who shares the values of a column, by column; see `levels.counted`.
    """

    name: str
    months: Mapping[str, MonthRows]
    dated_by: str | None = None
    shared: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """A column of a month against one reference.

    Attributes:
        reference: `PRECEDING` or `SAME_PLACE`.
        moved: how far it moved.
        before: share of the level in the reference.
        now: its share in the month.
        rows: rows of the reference.
    """

    reference: str
    moved: Moved
    before: float
    now: float
    rows: int


@dataclass(frozen=True)
class Judged:
    """A column of a population in a month, coded as levels, and its verdict.

    Attributes:
        population: the population's name.
        column: the column.
        levels: how often each level occurs by month; None if only the number of rows was judged.
        month: the month that was judged.
        months: the months of its reference.
        row: the columns of `DRIFT_REPORT`, without `follows`.
    """

    population: str
    column: str
    levels: Counted | None
    month: str
    months: tuple[str, ...]
    row: dict[str, object] = field(repr=False)


def judged(populations: Iterable[Population], month: str) -> list[Judged]:
    """Return the verdict on each column of each population in a month.

    Args:
        populations: rows of the month and of as many months of `history` as are known.
        month: `YYYY-MM`.
    """
    found: list[Judged] = []
    for population in populations:
        known = [one for one in history(month) if one in population.months]
        if month not in population.months or len(references(month, known)[PRECEDING]) < LEAST_MONTHS:
            continue
        if population.dated_by:
            found.append(_judge_rows(population, month, known))
        found += _judge_columns(population, month, known)
    return found


def _judge_rows(population: Population, month: str, known: list[str]) -> Judged:
    """Judge the number of rows, under the name of the date that they are counted by."""
    numbers = {one: float(population.months[one].rows) for one in [*known, month]}
    of = references(month, known)

    def counts(months: list[str]) -> np.ndarray:
        return np.array([numbers[one] for one in months])

    differ = {
        name: {
            one: rows_evidence(numbers[one], counts(others)) for one, others in pairs_of(name, month, known)
        }
        for name in of
    }
    season = bool(of[SAME_PLACE]) and _is_season(*(np.array(list(differ[name].values())) for name in of))
    name = SAME_PLACE if season else PRECEDING
    usual = list(differ[name].values())
    if own := [differ[name][one] for one in of[name] if one in differ[name]] if season else []:
        usual = [*own, float(np.median(usual))]
    months = of[name]
    strength = rows_moved(numbers[month], counts(months), usual, len(usual))
    before, now = float(np.mean([numbers[one] for one in months])), numbers[month]
    row = {
        "population": population.name,
        "column": population.dated_by,
        "flagged": strength >= 1,
        "reference": name,
        "distance": None,
        "threshold": None,
        "value": ROWS,
        "before": before,
        "now": now,
        "strength": strength,
        "rows": int(now),
        "compared_rows": int(now),
        "reference_rows": int(sum(numbers[one] for one in months)),
        "what": f"{now:,.0f} {population.name}, {before:,.0f} a month in the {_said(name)}",
    }
    return Judged(population.name, str(population.dated_by), None, month, tuple(months), row)


def _judge_columns(population: Population, month: str, known: list[str]) -> list[Judged]:
    enough = [one for one in known if len(population.months[one].frame) >= LEAST_ROWS]
    frames = {one: population.months[one].frame for one in [*enough, month]}
    if len(frames[month]) < LEAST_ROWS or len(references(month, enough)[PRECEDING]) < LEAST_MONTHS:
        return []
    columns = dict.fromkeys(name for frame in frames.values() for name in frame.columns)
    found = []
    for name in columns:
        values = {
            one: frame[name] if name in frame.columns else pd.Series([None] * len(frame))
            for one, frame in frames.items()
        }
        levels = counted(values, month, population.shared.get(name))
        best = _compare(levels, month, enough)
        row = _row(population, name, month, levels, best)
        of = references(month, enough)[best.reference]
        found.append(Judged(population.name, name, levels, month, tuple(of), row))
    return found


def _compare(levels: Counted, month: str, known: list[str]) -> Comparison:
    """Compare a month with the preceding months, or with the same place in the quarter if there is a season.

    There is a season if months at the same place resemble each other more than neighbors do. Else the month
    must differ from the same place as well, by what matters: it may be the season's first year.
    """
    at = {one: number for number, one in enumerate([*known, month])}
    counts, now = levels.counts, levels.counts[at[month]]

    def pooled(months: list[str]) -> np.ndarray:
        return counts[[at[one] for one in months]].sum(axis=0)

    def past(pairs: Sequence[tuple[str, list[str]]]) -> tuple[np.ndarray, np.ndarray]:
        of_references = [pooled(others) for _, others in pairs]
        return counts[[at[one] for one, _ in pairs]], np.array(of_references).reshape(
            len(pairs), counts.shape[1]
        )

    def usual_of(pairs: Sequence[tuple[str, list[str]]]) -> Usual:
        return usual_evidence(*past(pairs), by_value=levels.by_value)

    of = references(month, known)
    pairs = {name: pairs_of(name, month, known) for name in of}
    usual = {name: usual_of(pairs[name]) for name in of}
    season = bool(of[SAME_PLACE]) and _is_season(*(usual[name].ratios for name in of))
    name = SAME_PLACE if season else PRECEDING
    normal = usual[name]
    if season and (own := [pair for pair in pairs[name] if pair[0] in of[name]]):
        normal = calmer(usual_of(own), usual[name], typical_of_each(*past(pairs[name])))
    how = moved(now, pooled(of[name]), normal)
    if name == PRECEDING and of[SAME_PLACE] and not _matters(now, pooled(of[SAME_PLACE]), how.level):
        how = replace(how, strength=min(how.strength, 0.99))
    reference = pooled(of[name])
    before, after = (float(shares(count)[how.level]) for count in (reference, now))
    return Comparison(name, how, before, after, sum(len(levels.codes[one]) for one in of[name]))


def _is_season(preceding: np.ndarray, same_place: np.ndarray) -> bool:
    """Return whether months at the same place in the quarter resemble each other more than neighbors do.

    Args:
        preceding: evidence of months of the past against those before.
        same_place: evidence of months of the past against those at the same place.
    """
    if len(same_place) < LEAST_PAIRS:
        return False
    return bool(np.median(same_place) * SEASONAL < np.median(preceding))


def _matters(now: np.ndarray, reference: np.ndarray, level: int) -> bool:
    """Return whether a month differs from a reference by more than what matters."""
    of_level = by_level(now, reference)[level] >= MATTERS / 2
    return bool(of_level or whole(now[:-1], reference[:-1]) >= MATTERS)


def _row(
    population: Population, column: str, month: str, levels: Counted, best: Comparison
) -> dict[str, object]:
    value = levels.levels[best.moved.level]
    unit = unit_of(column, value, population.dated_by)
    change = f"{100 * best.before:.1f} % in the {_said(best.reference)}, now {100 * best.now:.1f} %"
    return {
        "population": population.name,
        "column": column,
        "flagged": best.moved.strength >= 1,
        "reference": best.reference,
        "distance": best.moved.distance,
        "threshold": best.moved.threshold,
        "value": value,
        "before": best.before,
        "now": best.now,
        "strength": best.moved.strength,
        "rows": population.months[month].rows,
        "compared_rows": len(population.months[month].frame),
        "reference_rows": best.rows,
        "what": f"{column} {value}{unit}: {change} of {population.name}",
    }


def _said(reference: str) -> str:
    return "preceding months" if reference == PRECEDING else "months at the same place in the quarter"
