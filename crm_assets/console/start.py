"""`python -m crm_assets.console.start COMMAND …`: print source and months, then run the command.

It reads the dates of the data and notes its months, since the definitions open no data themselves. If the
data is missing, it says so and still starts the command.
"""

from __future__ import annotations

import argparse
import os
import sys

from crm_assets.console.terminal import run_command, said
from crm_assets.errors import CrmAssetsError
from crm_assets.settings import get_settings
from crm_assets.sources.select import month_range, select_source


def main() -> int:
    """Print the source and its months, or what is wrong with them; then run the command."""
    parser = argparse.ArgumentParser(prog="python -m crm_assets.console.start", description=said(__doc__))
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what to run, with its arguments")
    command = parser.parse_args().command
    settings = get_settings()
    source = select_source(settings)
    say(f"Source     {source.description}")
    try:
        months = month_range(settings, source)
        say(f"Months     {months.first} to {months.last}")
    except CrmAssetsError as error:
        say(f"Months     {error}")
    if command:
        sys.stdout.flush()
        os.execvp(command[0], command)  # noqa: S606 - the caller's own command
    return 0


def say(line: str) -> None:
    """Print a line to the error stream, since programs may read the command's output."""
    print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(run_command(main))
