"""`python -m crm_assets.console.write_back CRM [--send]`: write scores back to the CRM."""

from __future__ import annotations

import argparse
import sys

from crm_assets.console.terminal import run_command, said
from crm_assets.insight.reading import Reader
from crm_assets.settings import get_settings
from crm_assets.storage.choice import open_store
from crm_assets.writeback.run import write_back

SHOWN = 10


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(prog="python -m crm_assets.console.write_back", description=said(__doc__))
    line.add_argument("crm", help="salesforce, hubspot, dynamics, pipedrive, odoo or kaggle (any other)")
    line.add_argument("--send", action="store_true", help="send through the CRM's interface")
    return line


def main(arguments: list[str] | None = None) -> int:
    """Write back, and say what was done; return 1 if the CRM did not take every deal."""
    asked, settings = parser().parse_args(arguments), get_settings()
    done = write_back(settings, Reader(open_store(settings)), asked.crm, asked.send)
    print(f"{done.changed:,} of {done.deals:,} open deals of {done.month} changed; {done.file} has them.")
    if not asked.send:
        print("Dry run: nothing was sent. Import the file, or add SEND=yes to send through the interface.")
        return 0
    print(f"{done.sent:,} deals were written to {done.crm}.")
    for refusal in done.refused[:SHOWN]:
        print(f"Not taken: {refusal.id}: {refusal.why}", file=sys.stderr)
    if (more := len(done.refused) - SHOWN) > 0:
        print(f"and {more:,} more", file=sys.stderr)
    return 1 if done.refused else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
