"""`python -m crm_assets.console.monitor`: hold past forecasts against what came, and print them by month."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from crm_assets.console.terminal import run_command, said
from crm_assets.settings import get_settings
from crm_assets.sources.select import month_range, select_source

NO_NUMBER = "-"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(prog="python -m crm_assets.console.monitor", description=said(__doc__))
    line.add_argument("--month", default="", help="2017-06, or 2017-06...2017-08; all months by default")
    return line


def main() -> int:
    """Run the assets of monitoring, print what was said and what came, and return 0 if that succeeded."""
    asked = parser().parse_args()
    settings = get_settings()
    month_range(settings, select_source(settings))

    from crm_assets.definitions import defs, monitoring
    from crm_assets.defs import progress
    from crm_assets.defs.by_hand import RANGE, materialize
    from crm_assets.defs.partitions import months
    from crm_assets.storage.choice import open_store

    month = asked.month or f"{months().first}{RANGE}{months().last}"
    assets = sorted(key.to_user_string() for key in monitoring().asset_layer.executable_asset_keys)
    failed = materialize((monitoring,), defs, ",".join(assets), month)
    for reason in failed:
        progress.tell_failure(reason)
    if not failed:
        _print(open_store(settings), progress.console)
    return 1 if failed else 0


def _print(store: Any, console: Any) -> None:
    from rich import box
    from rich.table import Table

    from crm_assets.crm.tables import OPPORTUNITIES
    from crm_assets.insight.reading import currency_of
    from crm_assets.monitoring.summary import by_month, quality_by_month
    from crm_assets.monitoring.tables import FORECAST_ACCURACY

    stored = store.months(FORECAST_ACCURACY.name)
    found = store.to_pandas(store.read(FORECAST_ACCURACY.name, stored))
    rows = by_month(found).merge(quality_by_month(found), on="month")
    if rows.empty:
        console.print("No forecast has an outcome yet: come back when the next month is over.")
        return
    shown = {
        "month": "month",
        "wins said": "wins said",
        "wins 80 %": "80 %",
        "wins came": "came",
        "revenue said": f"{currency_of(store.read(OPPORTUNITIES.name))} said",
        "revenue came": "came",
        "ROC AUC estimated": "AUC estimated",
        "ROC AUC came": "came",
        "stored": "stored",
    }
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for title in shown.values():
        table.add_column(title, justify="left" if title in ("month", "stored") else "right")
    for row in rows.to_dict("records"):
        table.add_row(*(_shown(name, row[name]) for name in shown))
    console.print(table)


def _shown(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if value != value:
        return NO_NUMBER
    return f"{value:.3f}" if name.startswith("ROC AUC") else f"{value:,.0f}"


if __name__ == "__main__":
    sys.exit(run_command(main))
