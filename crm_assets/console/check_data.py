"""`python -m crm_assets.console.check_data`: say whether the data is enough, and what comes out of it."""

from __future__ import annotations

import sys

from rich import box
from rich.console import Console
from rich.table import Table

from crm_assets.console.terminal import run_command, take_no_arguments
from crm_assets.crm.all_features import ALL_FEATURES
from crm_assets.crm.feature_table import FEATURES
from crm_assets.crm.schema import RAW_SALES_PIPELINE, RAW_TABLES
from crm_assets.errors import SourceUnavailableError
from crm_assets.settings import Settings, get_settings
from crm_assets.sources.base import Source
from crm_assets.sources.readiness import VENDORS, Readiness, readiness
from crm_assets.sources.select import month_range, select_source

# Columns that are nearly full need no line of their own.
SHOWN_FROM = 0.01


def main() -> int:
    """Print the readiness of the data; return 0 if a forecast is possible.

    Raises:
        CrmAssetsError: the data cannot be read, or nothing can be foretold from it.
    """
    settings = get_settings()
    source = select_source(settings)
    found = look(settings, source)
    console = Console()
    console.print(f"Source     {source.description}", soft_wrap=True)
    show(found, console)
    show_details(found, console)
    found.check()
    return 0


def look(settings: Settings, source: Source) -> Readiness:
    """Read the data and note its months.

    Raises:
        CrmAssetsError: the data cannot be read, or the settings ask for months that it does not cover.
    """
    if settings.pull is not None and not settings.pulled_dir.exists():
        raise SourceUnavailableError(
            f"{settings.pulled_dir} holds no pulled files yet: run `make pull CRM={settings.pull}` or `make "
            "run`."
        )
    taken = source.take(*RAW_TABLES)
    months = month_range(settings, source, taken[RAW_SALES_PIPELINE.name].rows)
    return readiness(taken, months, settings)


def show(found: Readiness, console: Console) -> None:
    """Print what the data is and what comes out of it, in a few lines."""

    def line(title: str, text: str) -> None:
        console.print(f"{title:<10} {text}", soft_wrap=True, highlight=False)

    by_stage = ", ".join(f"{count:,} {stage}" for stage, count in found.stages.items())
    line("Deals", f"{found.deals:,}: {by_stage}; {found.open_deals:,} engaged and open")
    wins = sum(won for _, won in found.labeled.values())
    line(
        "Months",
        f"{found.months.first} to {found.months.last}; for {len(found.labeled)} of them it is known which "
        f"open deals were won in the next month: {wins:,}",
    )
    needed = [
        f"{vendor}'s scoring needs {each} won and {each} lost deals: "
        f"{'met' if found.enough_for(each) else 'not met'}"
        for vendor, each in VENDORS.items()
    ]
    line("Compare", "; ".join(needed))
    if found.absent:
        line("Absent", f"{', '.join(found.absent)}: optional")
    used = len(FEATURES) - len(found.left_out)
    left = f"; the CRM has no {', '.join(found.lacking)}" if found.left_out else ""
    more = f", and {len(found.further)} of {len(ALL_FEATURES) - len(FEATURES)} more" if found.further else ""
    line("Features", f"{used} of {len(FEATURES)}{more}{left}")
    if found.broken:
        count = sum(found.broken.values())
        line("Rules", f"{count:,} rows or values break one; `make check-data` lists them")
    if found.notes:
        notes = "1 note" if len(found.notes) == 1 else f"{len(found.notes):,} notes"
        line("Files", f"{notes} on how they are read; `make check-data` lists them")
    line("You get", _result(found))


def show_details(found: Readiness, console: Console) -> None:
    """Print the empty values by column, and the broken rules."""
    empty = {key: share for key, share in found.empty.items() if share >= SHOWN_FROM}
    if empty:
        shares = {key: f"{share:.1%}" for key, share in empty.items()}
        console.print(_listed("Empty values", ("column", "empty"), shares))
    if found.broken:
        counts = {key: f"{rows:,}" for key, rows in found.broken.items()}
        console.print(_listed("Broken rules", ("rule", "rows"), counts))
    for note in found.notes:
        console.print(f"! {note}", soft_wrap=True, highlight=False)


def _result(found: Readiness) -> str:
    if found.hopeless:
        return "nothing yet, see below"
    if found.no_model:
        return f"no model, but the pooled rate of past deals of the same age: {found.no_model}"
    return "models, compared on past months, and the forecast of the best of them"


def _listed(title: str, headers: tuple[str, str], rows: dict[tuple[str, str], str]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1), pad_edge=False)
    table.add_column("file")
    table.add_column(headers[0])
    table.add_column(headers[1], justify="right")
    for (file, name), value in rows.items():
        table.add_row(file, name, value)
    return table


if __name__ == "__main__":
    take_no_arguments(__doc__)
    sys.exit(run_command(main))
