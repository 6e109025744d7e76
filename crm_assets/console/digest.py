"""`python -m crm_assets.console.digest`: preview the digests as pages, or send them now."""

from __future__ import annotations

import argparse
import sys

from crm_assets.console.terminal import add_folder, opened, run_command, said
from crm_assets.delivery.files import name_part, write
from crm_assets.errors import extra


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(prog="python -m crm_assets.console.digest", description=said(__doc__))
    line.add_argument("--send", action="store_true", help="send them, instead of writing a preview")
    add_folder(line)
    return line


def main() -> int:
    """Write a page per manager, or send all digests; print what was done."""
    asked = parser().parse_args()
    settings, reader = opened()
    with extra("dashboard", "The digest needs"):
        from crm_assets.delivery.rounds import by_manager, send_all
    if asked.send:
        print("\n".join(send_all(reader, settings)))
        return 0
    month = reader.newest_month()
    for name, message in by_manager(reader, month, settings):
        print(write(asked.folder, f"digest-{month}-{name_part(name)}.html", message.html.encode()))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
