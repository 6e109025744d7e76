"""`python -m crm_assets.console.materialize`: materialize some assets, with progress in readable lines."""

from __future__ import annotations

import argparse
import sys

from crm_assets.console.terminal import run_command, said
from crm_assets.settings import get_settings
from crm_assets.sources.select import month_range, select_source


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(prog="python -m crm_assets.console.materialize", description=said(__doc__))
    line.add_argument("--select", default="*", help="assets, as Dagster selects them; * for all")
    line.add_argument("--month", default="", help="2017-06, or 2017-06...2017-08")
    return line


def main() -> int:
    """Materialize assets for a month, a range of months, or without a month; return 0 if that succeeded."""
    asked = parser().parse_args()
    # Note the months before the definitions load, since those open no data.
    settings = get_settings()
    source = select_source(settings)
    month_range(settings, source)

    from crm_assets.definitions import defs, everything, monitoring
    from crm_assets.defs import progress
    from crm_assets.defs.by_hand import materialize

    progress.console.print(source.description, soft_wrap=True)
    failed = materialize((everything, monitoring), defs, asked.select, asked.month)
    for reason in failed:
        progress.tell_failure(reason)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
