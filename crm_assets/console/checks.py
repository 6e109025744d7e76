"""`python -m crm_assets.console.checks`: run all asset checks on the stored tables, and print a table."""

from __future__ import annotations

import sys
from collections import Counter

from crm_assets.console.terminal import run_command, take_no_arguments
from crm_assets.settings import get_settings
from crm_assets.sources.select import month_range, select_source


def main() -> int:
    """Run the checks, print the verdict of each, and return 0 if none failed."""
    settings = get_settings()
    month_range(settings, select_source(settings))

    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from crm_assets.definitions import all_checks
    from crm_assets.defs.by_hand import FAILED, HOLDS, WARNING, check_all
    from crm_assets.defs.progress import console, tell_failure

    verdicts, stopped = check_all(all_checks)
    colors = {FAILED: "red", WARNING: "yellow", HOLDS: "green"}
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for title in ("table", "check", "result", "what"):
        table.add_column(title, overflow="fold")
    for verdict in verdicts:
        result = f"[{colors[verdict.result]}]{verdict.result}[/]"
        table.add_row(verdict.table, verdict.check, result, escape(verdict.said))
    console.print(table)
    counts = Counter(verdict.result for verdict in verdicts)
    console.print(
        f"{len(verdicts)} checks: {counts[FAILED]} failed, {counts[WARNING]} with a warning, "
        f"{counts[HOLDS]} hold."
    )
    # A blocking check that fails also stops the run; the table says so already.
    for reason in [] if counts[FAILED] else stopped:
        tell_failure(reason)
    return 1 if counts[FAILED] or stopped else 0


if __name__ == "__main__":
    take_no_arguments(__doc__)
    sys.exit(run_command(main))
