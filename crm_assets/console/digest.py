"""`python -m crm_assets.console.digest`: preview the digests as pages, or send them now."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from crm_assets.console.terminal import run_command, said
from crm_assets.errors import SettingsError
from crm_assets.insight.reading import Reader
from crm_assets.settings import get_settings
from crm_assets.storage.choice import open_store


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(prog="python -m crm_assets.console.digest", description=said(__doc__))
    line.add_argument("--send", action="store_true", help="send them, instead of writing a preview")
    line.add_argument("--folder", type=Path, default=Path("exports"), help="where to write the preview")
    return line


def main() -> int:
    """Write a page per manager, or send all digests; print what was done."""
    asked = parser().parse_args()
    try:
        from crm_assets.delivery.rounds import by_manager, send_all
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"The digest needs the package {error.name}: install the extra `dashboard` (make install)."
        ) from error
    settings = get_settings()
    reader = Reader(open_store(settings))
    if asked.send:
        print("\n".join(send_all(reader, settings)))
        return 0
    asked.folder.mkdir(parents=True, exist_ok=True)
    month = reader.newest_month()
    for name, message in by_manager(reader, month, settings):
        plain = re.sub(r"[^\w.-]+", "_", name)
        file = asked.folder / f"digest-{month}-{plain}.html"
        file.write_text(message.html, encoding="utf-8")
        print(file)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
