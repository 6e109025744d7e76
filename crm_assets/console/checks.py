"""`python -m crm_assets.console.checks`: run all asset checks on the stored tables, and print a table."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from crm_assets.console.terminal import run_command
from crm_assets.settings import get_settings
from crm_assets.sources.select import month_range, select_source

if TYPE_CHECKING:
    import dagster as dg


def main() -> int:
    """Run the checks, print the verdict of each, and return 0 if none failed."""
    settings = get_settings()
    month_range(settings, select_source(settings))

    from crm_assets.definitions import all_checks
    from crm_assets.defs import progress
    from crm_assets.defs.run import run_months

    events: list[dg.DagsterEvent] = []
    progress.quiet_checks()
    stopped = run_months(all_checks, None, None, told=events.extend)
    verdicts = [
        event.asset_check_evaluation_data
        for event in events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    failed = _show(verdicts)
    # A blocking check that fails also stops the run; the table above says so already.
    for reason in [] if failed else stopped:
        progress.tell_failure(reason)
    return 1 if failed or stopped else 0


def _show(verdicts: list[dg.AssetCheckEvaluation]) -> int:
    """Print a row per check, the worst first, and return how many failed."""
    from dagster import AssetCheckSeverity
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from crm_assets.defs.progress import console

    words = {True: "[green]holds[/green]"}
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for title in ("table", "check", "result", "what"):
        table.add_column(title, overflow="fold")
    failures = warnings = 0
    rows = []
    for verdict in verdicts:
        failed = not verdict.passed and verdict.severity is AssetCheckSeverity.ERROR
        warned = not verdict.passed and not failed
        failures, warnings = failures + failed, warnings + warned
        word = "[red]FAILED[/red]" if failed else "[yellow]warning[/yellow]" if warned else words[True]
        rows.append(
            (
                0 if failed else 1 if warned else 2,
                verdict.asset_key.to_user_string(),
                verdict.check_name,
                word,
                escape(verdict.description or ""),
            )
        )
    for _, *cells in sorted(rows):
        table.add_row(*cells)
    console.print(table)
    held = len(rows) - failures - warnings
    console.print(f"{len(rows)} checks: {failures} failed, {warnings} with a warning, {held} hold.")
    return failures


if __name__ == "__main__":
    sys.exit(run_command(main))
