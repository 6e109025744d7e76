"""What a person runs by hand: some assets for some months, or all checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dagster as dg

from crm_assets.defs import progress
from crm_assets.defs.partitions import monthly
from crm_assets.defs.run import run_months
from crm_assets.errors import SettingsError

RANGE = "..."
HOLDS, WARNING, FAILED = "holds", "warning", "failed"
WORST_FIRST = (FAILED, WARNING, HOLDS)

Job = Callable[[], dg.JobDefinition]


@dataclass(frozen=True)
class Verdict:
    """What one asset check said: `result` is one of `WORST_FIRST`."""

    result: str
    table: str
    check: str
    said: str


def materialize(jobs: Sequence[Job], definitions: dg.Definitions, select: str, months: str) -> list[str]:
    """Materialize some assets, and return the failures in sentences.

    Args:
        jobs: the jobs that the assets belong to, in the order in which they run, each at the top level of a
            module. A job runs only if those before it succeeded.
        definitions: the definitions that the jobs belong to.
        select: names of assets, separated by commas, as Dagster selects them; `*` for all.
        months: `2017-06`, or `2017-06...2017-08`; empty for assets without months.

    Raises:
        SettingsError: there are no such assets or months.
    """
    graph = definitions.resolve_asset_graph()
    try:
        chosen = dg.AssetSelection.from_coercible([part.strip() for part in select.split(",")])
        within = {key for job in jobs for key in job().asset_layer.executable_asset_keys}
        keys = sorted(key for key in chosen.resolve(graph) if key in within)
    except (dg.DagsterError, ValueError) as error:
        known = ", ".join(sorted(key.to_user_string() for key in graph.materializable_asset_keys))
        raise SettingsError(
            f"ASSETS={select} selects no assets; write names separated by commas. There are {known}."
        ) from error
    if not keys:
        raise SettingsError(f"ASSETS={select} selects no asset; searches for parameters run by make tune.")
    by_month = [key.to_user_string() for key in keys if graph.get(key).is_partitioned]
    first, last = _months(months, by_month)
    for job in jobs:
        own = [key for key in keys if key in job().asset_layer.executable_asset_keys]
        if own and (failed := run_months(job, first, last, own)):
            return failed
    return []


def check_all(job: Job) -> tuple[list[Verdict], list[str]]:
    """Run a job of asset checks; return their verdicts, worst first, and the failures in sentences."""
    progress.quiet_checks()
    events: list[dg.DagsterEvent] = []
    failures = run_months(job, None, None, told=events.extend)
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    verdicts = [_verdict(event.asset_check_evaluation_data) for event in events if event.event_type is kind]
    return sorted(verdicts, key=lambda v: (WORST_FIRST.index(v.result), v.table, v.check)), failures


def _verdict(check: dg.AssetCheckEvaluation) -> Verdict:
    broken = FAILED if check.severity is dg.AssetCheckSeverity.ERROR else WARNING
    result = HOLDS if check.passed else broken
    return Verdict(result, check.asset_key.to_user_string(), check.check_name, check.description or "")


def _months(asked: str, by_month: list[str]) -> tuple[str | None, str | None]:
    """Return the first and the last month of a run; None if no month is asked for."""
    known = monthly.get_partition_keys()
    if not asked:
        if by_month:
            raise SettingsError(
                f"{', '.join(by_month)}: stored by month. Say which, for example MONTH={known[-1]} or "
                f"MONTH={known[0]}{RANGE}{known[-1]}."
            )
        return None, None
    first, _, last = asked.partition(RANGE)
    last = last or first
    for month in (first, last):
        if month not in known:
            raise SettingsError(
                f"MONTH={asked}: {month} is not a month of the data, which has {known[0]} to {known[-1]}."
            )
    if first > last:
        raise SettingsError(f"MONTH={asked}: {first} is after {last}; swap them.")
    return first, last
