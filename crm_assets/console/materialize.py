"""`python -m crm_assets.console.materialize`: materialize some assets, with progress in readable lines."""

from __future__ import annotations

import argparse
import sys

from crm_assets.console.terminal import run_command
from crm_assets.errors import SettingsError
from crm_assets.settings import get_settings
from crm_assets.sources.select import month_range, select_source

RANGE = "..."


def main(arguments: list[str] | None = None) -> int:
    """Materialize assets for a month, a range of months, or without a month; return 0 if that succeeded.

    Raises:
        SettingsError: there are no such assets or months.
    """
    parser = argparse.ArgumentParser(prog="python -m crm_assets.console.materialize")
    parser.add_argument("--select", default="*", help="assets, as Dagster selects them; * for all")
    parser.add_argument("--month", default="", help="2017-06, or 2017-06...2017-08")
    asked = parser.parse_args(arguments)
    # Note the months before the definitions load, since those open no data.
    settings = get_settings()
    source = select_source(settings)
    month_range(settings, source)

    import dagster as dg

    from crm_assets.defs import progress

    progress.console.print(source.description, soft_wrap=True)

    from crm_assets.definitions import defs, everything
    from crm_assets.defs.run import run_months

    graph = defs.resolve_asset_graph()
    try:
        chosen = dg.AssetSelection.from_coercible([part.strip() for part in asked.select.split(",")])
        keys = sorted(key for key in chosen.resolve(graph) if graph.get(key).is_materializable)
    except (dg.DagsterError, ValueError) as error:
        known = ", ".join(sorted(key.to_user_string() for key in graph.materializable_asset_keys))
        raise SettingsError(
            f"ASSETS={asked.select} selects no assets; write names separated by commas. There are {known}."
        ) from error
    if not keys:
        raise SettingsError(f"ASSETS={asked.select} selects no asset.")
    monthly = [key.to_user_string() for key in keys if graph.get(key).is_partitioned]
    months = _months(asked.month, monthly)
    failed = run_months(everything, *months, assets=keys)
    for reason in failed:
        progress.tell_failure(reason)
    return 1 if failed else 0


def _months(asked: str, monthly: list[str]) -> tuple[str | None, str | None]:
    """Return the first and the last month of a run; none if no asset has months."""
    from crm_assets.defs.partitions import monthly as partitions

    known = partitions.get_partition_keys()
    if not asked:
        if monthly:
            raise SettingsError(
                f"{', '.join(monthly)}: stored by month. Say which, for example MONTH={known[-1]} or "
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


if __name__ == "__main__":
    sys.exit(run_command(main))
