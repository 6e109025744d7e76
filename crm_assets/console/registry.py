"""`python -m crm_assets.console.registry promote VERSION` and `… rollback`: change the champion by hand."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from crm_assets.console.terminal import run_command, said
from crm_assets.errors import CrmAssetsError
from crm_assets.settings import get_settings
from crm_assets.sources.select import select_source

if TYPE_CHECKING:
    from crm_assets.registry.aliases import Move


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(prog="python -m crm_assets.console.registry", description=said(__doc__))
    commands = line.add_subparsers(dest="command", required=True)
    one = commands.add_parser("promote", help="make a version the champion")
    one.add_argument("version", help="the number of the version in the registry")
    commands.add_parser("rollback", help="make the former champion the champion again")
    return line


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says, and return 0; if that fails, print why and return 1."""
    asked = parser().parse_args(arguments)
    try:
        move = _move(getattr(asked, "version", None))
    except CrmAssetsError as error:
        print(error, file=sys.stderr)
        return 1
    before = "there was none before" if move.former is None else f"it was version {move.former}"
    print(f"Version {move.version} is champion now; {before}.")
    if asked.command == "rollback":
        print(f"To undo: make promote VERSION={move.former}. The next rollback goes one step further back.")
    _tell_what_follows(move.version)
    return 0


def _tell_what_follows(version: str) -> None:
    """Say which predictions another version made, and how to refresh them without waiting for a daemon."""
    from crm_assets.insight.reading import Reader
    from crm_assets.storage.choice import open_store

    reader = Reader(open_store(get_settings()))
    try:
        month = reader.newest_month()
        made = {str(name) for name in reader.predictions(month)["model_version"].unique()}
    except CrmAssetsError:
        return
    if made - {str(version)}:
        print(
            f"The predictions of {month} are still those of version {', '.join(sorted(made))}. A running "
            "daemon with CRM_AUTOMATION=true refreshes them; without one: make materialize "
            f"ASSETS=win_predictions,revenue_forecast MONTH={month}"
        )


def _move(version: str | None) -> Move:
    """Promote a version, or roll back if no version is given."""
    from crm_assets.registry import ownership, promotion, tracking

    settings = get_settings()
    with tracking.told(settings.tracking_uri):
        tracking.connect(settings.tracking_uri, settings.artifacts_dir)
        ownership.check(settings, select_source(settings).identity)
        forbidden = _forbidden()
        return promotion.rollback(forbidden) if version is None else promotion.promote(version, forbidden)


def _forbidden() -> list[str]:
    """Return the features that the stored leak audit keeps out; none if no audit is stored."""
    from crm_assets.storage.choice import open_store

    store = open_store(get_settings())
    if not store.has("leak_audit"):
        return []
    audit = store.to_pandas(store.read("leak_audit"))
    return audit.loc[~audit["used"], "feature"].tolist()


if __name__ == "__main__":
    sys.exit(run_command(main))
