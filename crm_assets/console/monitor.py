"""`python -m crm_assets.console.monitor`: hold past forecasts against what came, and print them by month."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from crm_assets.console.terminal import run_command, said
from crm_assets.crm.schema import TableSchema
from crm_assets.crm.tables import OPPORTUNITIES
from crm_assets.insight.reading import currency_of
from crm_assets.monitoring.report import missing
from crm_assets.monitoring.summary import by_month, over_several_months, quality_by_month
from crm_assets.monitoring.tables import FORECAST_ACCURACY, OPEN_WINS, PERFORMANCE_ESTIMATE, ROC_AUC
from crm_assets.settings import get_settings
from crm_assets.sources.select import month_range, select_source
from crm_assets.storage.tables import TableStore

NO_NUMBER = "-"
# Which columns are printed, and their titles.
SHOWN = {
    "wins said": "wins said",
    "wins 80 %": "80 %",
    "wins came": "came",
    "revenue said": "revenue said",
    "revenue came": "came",
    "ROC AUC estimated": "AUC estimated",
    "ROC AUC came": "came",
}


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
    # What is stored is worth a look, whatever this run could not add.
    _print(open_store(settings), progress.console)
    if sentence := missing():
        progress.console.print(sentence, soft_wrap=True)
    return 1 if failed else 0


def _print(store: TableStore, console: Console) -> None:
    """Print what was said and what came, and how good the newest predictions are expected to be."""
    found = _stored(store, FORECAST_ACCURACY)
    titles = SHOWN | (
        {"revenue said": f"{currency_of(store.read(OPPORTUNITIES.name))} said"} if len(found) else {}
    )
    rows = by_month(found).merge(quality_by_month(found), on="month")
    if rows.empty:
        console.print("No forecast has an outcome yet: come back when the next month is over.")
    else:
        console.print(_table(rows, {"month": "month", **titles, "stored": "stored"}))
    longer = over_several_months(found)
    if len(longer):
        console.print("Several months together, by the last of them:")
        columns = {"month": "until", "months": "months", **titles, "stored": "stored"}
        shown = {name: title for name, title in columns.items() if name in longer}
        console.print(_table(longer, shown))
    estimated = _stored(store, PERFORMANCE_ESTIMATE)
    if estimated["said"].notna().any():
        console.print(_expected(estimated), soft_wrap=True)


def _stored(store: TableStore, table: TableSchema) -> pd.DataFrame:
    months = store.months(table.name)
    return (
        store.to_pandas(store.read(table.name, months)) if months else table.arrow.empty_table().to_pandas()
    )


def _table(rows: pd.DataFrame, shown: dict[str, str]) -> Table:
    """Return rows as a table.

    Args:
        rows: the rows.
        shown: the titles by column.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name, title in shown.items():
        table.add_column(title, justify="left" if name in ("month", "stored") else "right")
    for row in rows.to_dict("records"):
        table.add_row(*(_shown(name, row[name]) for name in shown))
    return table


def _expected(estimated: pd.DataFrame) -> str:
    """Return what to expect of the newest predictions, in a sentence; columns of `PERFORMANCE_ESTIMATE`."""
    newest = estimated[estimated["snapshot_month"] == estimated["snapshot_month"].max()].set_index("measure")
    said = {
        name: newest.loc[name] for name in (ROC_AUC, OPEN_WINS) if newest["said"].notna().get(name, False)
    }
    parts = []
    if (auc := said.get(ROC_AUC)) is not None:
        parts.append(f"a ROC AUC of {auc['said']:.3f} ({auc['lower']:.3f} to {auc['upper']:.3f})")
    if (wins := said.get(OPEN_WINS)) is not None:
        parts.append(f"{wins['said']:,.0f} wins of open deals ({wins['lower']:,.0f} to {wins['upper']:,.0f})")
    month = newest["forecast_month"].iloc[0]
    return f"Expected of the predictions for {month}, if the world is still the same: {' and '.join(parts)}."


def _shown(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if value != value:
        return NO_NUMBER
    return f"{value:.3f}" if name.startswith("ROC AUC") else f"{value:,.0f}"


if __name__ == "__main__":
    sys.exit(run_command(main))
