"""`python -m crm_assets.console.api_key NAME`: make a key of the REST API and add it to the file of keys."""

from __future__ import annotations

import argparse
import sys
from datetime import date

from crm_assets.console.terminal import run_command, said
from crm_assets.errors import SettingsError
from crm_assets.insight.scope import scope_of
from crm_assets.serving.keys import SCOPES, add_row, new_key
from crm_assets.settings import get_settings


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(prog="python -m crm_assets.console.api_key", description=said(__doc__))
    line.add_argument("name", help="whose key it is, for the log")
    line.add_argument("--scopes", default=",".join(SCOPES), help="read, score, or both")
    line.add_argument("--sees", default="all", help="all, or for example office:West or manager:Celia Rouche")
    line.add_argument("--expires", default="", help="the last day, YYYY-MM-DD; none by default")
    return line


def main(arguments: list[str] | None = None) -> int:
    """Make the key, and print it once; return 0.

    Raises:
        SettingsError: CRM_API_KEY_FILE is not set, its file is not valid, or an argument is not.
    """
    asked = parser().parse_args(arguments)
    path = get_settings().api_key_file
    if path is None:
        raise SettingsError("Set CRM_API_KEY_FILE to the file of keys, for example crm-api-keys.yaml.")
    scopes = [scope.strip() for scope in asked.scopes.split(",")]
    if not asked.name.strip() or not set(scopes) <= set(SCOPES):
        raise SettingsError("Give the key a name, and the scopes read, score or read,score.")
    try:
        expires = date.fromisoformat(asked.expires) if asked.expires else None
    except ValueError:
        raise SettingsError(f"{asked.expires!r} is not a day; write YYYY-MM-DD.") from None
    key, row = new_key(asked.name.strip(), scopes, scope_of(asked.sees), expires)
    add_row(path, row)
    print(f"{key}\nNobody can show this key again: store it now. {path} holds only its hash.")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
