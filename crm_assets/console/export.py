"""`python -m crm_assets.console.export`: write a month as an Excel workbook and as CSV files."""

from __future__ import annotations

import argparse
import sys

from crm_assets.console.terminal import add_folder, opened, run_command, said
from crm_assets.crm.months import is_month
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.delivery.files import name_part, write
from crm_assets.errors import SettingsError, extra
from crm_assets.insight.reading import Reader
from crm_assets.insight.scope import Level, Scope, scope_by
from crm_assets.sources.select import said_to_people, select_source


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(prog="python -m crm_assets.console.export", description=said(__doc__))
    line.add_argument("--month", default="", help="the month, YYYY-MM; by default the newest scored one")
    line.add_argument("--manager", default="", help="only the deals of this manager")
    add_folder(line)
    return line


def main() -> int:
    """Write the files of a month, and print where they are."""
    asked = parser().parse_args()
    settings, reader = opened()
    with extra("dashboard", "Files need"):
        from crm_assets.delivery.export import sheets, summary, workbook, workbook_name
        from crm_assets.delivery.safe_text import csv_bytes
    month = _month(reader, asked.month)
    reader = reader.within(_scope(reader, asked.manager))
    found = sheets(reader, month, settings, said_to_people(select_source(settings)))
    name = workbook_name(month)
    if not reader.scope.everything:
        name += "".join(f"-{name_part(manager)}" for manager in sorted(reader.scope.names))
    files = {f"{name}.xlsx": workbook(found, month)}
    files |= {f"{name}-{title.lower()}.csv": csv_bytes(sheet.rows) for title, sheet in found.items()}
    for file, content in files.items():
        print(write(asked.folder, file, content))
    print(summary(reader, month))
    return 0


def _month(reader: Reader, asked: str) -> str:
    if not asked:
        return reader.newest_month()
    if not is_month(asked):
        raise SettingsError(f"MONTH={asked} is not a month; write YYYY-MM, for example 2017-12.")
    months = reader.months()
    if asked not in months:
        if months and asked == DEFAULT_TARGET.last_month(months[-1]):
            raise SettingsError(
                f"MONTH={asked} is the month that is forecast. Name the one at whose end deals are known: "
                f"make export MONTH={months[-1]}"
            )
        there = f"; there are predictions for {months[0]} to {months[-1]}" if months else ""
        raise SettingsError(
            f"MONTH={asked} has no predictions{there}. Materialize it: make materialize MONTH={asked}"
        )
    return asked


def _scope(reader: Reader, manager: str) -> Scope:
    if not manager:
        return reader.scope
    team = reader.team()
    known = sorted(team["manager"].dropna().unique()) if "manager" in team else []
    found = [name for name in known if name == manager]
    found = found or [name for name in known if name.casefold() == manager.strip().casefold()]
    if len(found) != 1:
        raise SettingsError(f"MANAGER={manager}: no such manager; there are {', '.join(known) or 'none'}.")
    return scope_by(Level.MANAGER, found)


if __name__ == "__main__":
    sys.exit(run_command(main))
