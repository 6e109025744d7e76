"""Months without drift, by resampling: how often a column is flagged, the forecast is worse, and both.

The closed deals of a dump are drawn with replacement, and each begins on a random day: all months follow one
law, with the columns, cycles and outcomes of the dump. What a real month also has, a season, growth and deals
that never close, is left out, since it makes months differ.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.forecast import Measured, measure
from crm_assets.crm.months import MonthRange, month_end, month_start
from crm_assets.crm.schema import RAW_TABLES, SOURCE_ROW, Stage
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.modeling.algorithms import algorithm
from crm_assets.modeling.training_rows import DEAL
from crm_assets.monitoring.accuracy import Stored, said_and_came
from crm_assets.monitoring.alarm import alarm, drifts
from crm_assets.monitoring.drift import MonthRows, judged
from crm_assets.monitoring.estimate import of_predictions
from crm_assets.monitoring.findings import drift_report
from crm_assets.monitoring.outcome import Outcome
from crm_assets.monitoring.populations import compared_columns, joined, made_from
from crm_assets.monitoring.worse import performance
from crm_assets.sources.csv_folder import CsvFolder
from dev.drift_world import Raw, World, world

DEALS = "raw_sales_pipeline"
# Two years; the last months are judged, when the book of open deals has long been as old as it gets.
CALENDAR = MonthRange("2021-01", "2022-12")
JUDGED = list(CALENDAR)[-8:]
# Months of estimates that widen an interval, as in the asset.
PAST = 12
# Five algorithms would take three times as long, and the choice among them is not what is measured.
ALGORITHMS = (algorithm("logistic_regression"), algorithm("closing_hazard"))


@dataclass(frozen=True)
class Predicted:
    """A resampled CRM with the predictions and forecasts that a run would store.

    Attributes:
        world: its months.
        made: its predictions and forecasts.
    """

    world: World
    made: Measured

    def report(self, month: str) -> pd.DataFrame:
        """Return the columns of `DRIFT_REPORT` for a month, with those of the predictions."""

        def open_deals(one: str) -> MonthRows | None:
            rows, said = self.world.open_deals(one), self.made.predictions.get(one)
            if rows is None or said is None:
                return rows
            columns = [name for name in compared_columns() if name in said]
            return joined(rows, pa.Table.from_pandas(said[columns], preserve_index=False))

        collector = replace(self.world.collector, open_deals=open_deals, _open={})
        return drift_report(judged(collector.populations(month), month), month, made_from)

    def accuracy(self, month: str) -> pd.DataFrame:
        """Return the columns of `FORECAST_ACCURACY` for a month."""
        said_in, predictions = DEFAULT_TARGET.last_labeled(month), self.made.predictions
        known = DEFAULT_TARGET.labeled(predictions, said_in)[-PAST:]
        past = [
            (predictions[one]["probability"], self._outcome(one).of_deals(predictions[one][DEAL]))
            for one in known
        ]
        estimate = of_predictions(predictions[said_in], said_in, past)
        stored = Stored(predictions[said_in], self.made.forecasts[said_in], estimate=estimate)
        return said_and_came(stored, self._outcome(said_in))

    def _outcome(self, said_in: str) -> Outcome:
        return Outcome(self.made.last, DEFAULT_TARGET.last_month(said_in))


def resampled(raw: Raw, seed: int) -> Raw:
    """Return raw tables whose deals are draws from the closed deals of a dump, begun on random days.

    Args:
        raw: the raw tables of a dump.
        seed: the same seed gives the same tables.
    """
    random, deals = np.random.default_rng(seed), raw[DEALS]
    engaged, closed = (pd.to_datetime(deals[name]) for name in ("engage_date", "close_date"))
    there = (engaged.notna() & closed.notna()).to_numpy()
    cycles = (closed - engaged).dt.days.to_numpy()
    months = list(MonthRange(f"{engaged.min():%Y-%m}", f"{closed.max():%Y-%m}"))
    drawn = random.choice(np.flatnonzero(there), round(there.sum() / len(months) * len(list(CALENDAR))))
    first, last = pd.Timestamp(month_start(CALENDAR.first)), pd.Timestamp(month_end(CALENDAR.last))
    days, cycle = (last - first).days, cycles[drawn].astype("int64")
    begin = np.sort(random.choice(days + 1, len(drawn)))
    # One deal engages on the first day and one closes on the last, so that the data covers all months.
    begin[0], begin[-1] = 0, days - cycle[-1]
    engage = first + pd.to_timedelta(begin, unit="D")
    close = engage + pd.to_timedelta(cycle, unit="D")
    is_open = np.asarray(close > last)
    rows = deals.iloc[drawn].reset_index(drop=True)
    rows = rows.assign(
        opportunity_id=[f"R{number:07d}" for number in random.permutation(len(drawn))],
        engage_date=engage.date,
        close_date=pd.Series(close.date).mask(is_open),
        deal_stage=rows["deal_stage"].mask(is_open, Stage.ENGAGING.value),
        close_value=rows["close_value"].mask(is_open),
        source_row=np.arange(2, len(drawn) + 2),
    )
    return {**raw, DEALS: rows}


def written(raw: Raw, folder: Path) -> CsvFolder:
    """Write raw tables as the files of a dump."""
    folder.mkdir(parents=True)
    for table in RAW_TABLES:
        if len(raw[table.name]):
            raw[table.name].drop(columns=SOURCE_ROW.name).to_csv(folder / table.file_name, index=False)
    return CsvFolder(folder, "resampled")


def months_of(name: str, raw: Raw, seed: int, predicted: bool) -> Iterator[dict[str, object]]:
    """Yield what the last months of a resampled dump say.

    Args:
        name: of the dump.
        raw: its raw tables.
        seed: of the draw.
        predicted: whether to predict the months as well, so that there can be an alarm.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        source = written(resampled(raw, seed), folder / "dump")
        of = world(source)
        made = measure(name, source, folder / "tables", ALGORITHMS) if predicted else None
        judge = Predicted(of, made) if made else of
        reports = {month: judge.report(month) for month in JUDGED}
        found = [drift for report in reports.values() for drift in drifts(report)]
        for month, report in reports.items():
            row: dict[str, object] = {"dump": name, "seed": seed, "month": month}
            row["flagged"] = ", ".join(sorted(set(report.loc[report["flagged"].astype(bool), "column"])))
            if isinstance(judge, Predicted) and month > JUDGED[0]:
                verdict = alarm(month, found, performance(judge.accuracy(month)))
                row |= {"drifted": bool(verdict.drifts), "alarm": verdict.raised}
                row["worse"] = ", ".join(sorted({one.measure for one in verdict.worse}))
            yield row


def resampled_months(dumps: dict[str, Raw], seeds: Sequence[int], predicted: int) -> pd.DataFrame:
    """Judge resampled months of some dumps: one row per month.

    Args:
        dumps: raw tables by name.
        seeds: of the draws.
        predicted: with how many of the seeds to predict the months as well.

    Returns:
        `dump`, `seed`, `month`, `flagged`: the columns; and where there are predictions, `worse`: the
        measures, `drifted`: whether a column drifted in the month or in the one before, and `alarm`.
    """
    return pd.DataFrame(
        row
        for name, raw in dumps.items()
        for number, seed in enumerate(seeds)
        for row in months_of(name, raw, seed, number < predicted)
    )


def as_table(months: pd.DataFrame) -> list[str]:
    """Return the lines of a Markdown table."""
    lines = [
        "| resampled | months | with a flagged column | which | predicted months | drift in the month or "
        "the one before | worse | alarm |",
        f"|{' --- |' * 8}",
    ]
    for name, rows in [*months.groupby("dump", sort=False), ("all", months)]:
        told = rows.dropna(subset="alarm")
        flagged = rows.loc[rows["flagged"] != "", "flagged"]
        cells = [
            f"{len(flagged)} ({len(flagged) / len(rows):.1%})",
            "; ".join(flagged) if name != "all" else "",
            str(len(told)),
            f"{told['drifted'].mean():.1%}",
            f"{(told['worse'] != '').mean():.1%}",
            f"{told['alarm'].sum()} ({told['alarm'].mean():.1%})",
        ]
        lines.append(f"| {name} | {len(rows)} | {' | '.join(cells)} |")
    return lines
