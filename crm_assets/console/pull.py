"""`python -m crm_assets.console.pull CRM`: pull the records of a CRM into CSV files."""

from __future__ import annotations

import argparse
import sys

from crm_assets.console.terminal import run_command, said
from crm_assets.defs.progress import console
from crm_assets.settings import get_settings
from crm_assets.sources.pull.pull import pull


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(prog="python -m crm_assets.console.pull", description=said(__doc__))
    line.add_argument(
        "crm", nargs="?", default="", help="hubspot, pipedrive or salesforce; by default what `CRM_PULL` says"
    )
    return line


def main() -> int:
    """Pull, and say what to run next."""
    crm, settings = parser().parse_args().crm, get_settings()
    folder = settings.model_copy(update={"pull": crm or settings.pull}).pulled_dir
    pull(crm or settings.pull or "", folder, tell)
    console.print(
        f"Now run: CRM_DATA_DIR={folder} CRM_MAPPING={crm or settings.pull} make run",
        soft_wrap=True,
        highlight=False,
    )
    return 0


def tell(name: str, rows: int) -> None:
    """Say how many records of a kind are there."""
    console.print(f"[green]✓[/green] {name:<22} {rows:>9,} records", highlight=False)


if __name__ == "__main__":
    sys.exit(run_command(main))
