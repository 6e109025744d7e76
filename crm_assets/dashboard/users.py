"""`python -m crm_assets.dashboard.users NAME SEES`: say which deals somebody sees in the dashboard."""

from __future__ import annotations

import argparse
import getpass
import sys

from crm_assets.errors import CrmAssetsError, SettingsError
from crm_assets.insight.people import Person, hash_password, users_file, write_person
from crm_assets.insight.scope import scope_of
from crm_assets.settings import get_settings


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(
        prog="python -m crm_assets.dashboard.users",
        description="Say which deals somebody sees in the dashboard.",
    )
    line.add_argument("name", help="what they log in as, or what the proxy or provider calls them")
    line.add_argument("scope", help="all, office:West, manager:Dustin Brinkmann or agent:Anna Snelling")
    line.add_argument("--email", help="where their digest goes; nowhere by default")
    return line


def main() -> int:
    """Add or replace a person, and ask for their password if people log in with one."""
    asked = parser().parse_args()
    try:
        settings = get_settings()
        if not asked.name.strip():
            raise SettingsError("NAME is empty; write what the person logs in as.")
        needs = settings.dashboard_login in ("password", "none")
        password = hash_password(_password()) if needs else None
        person = Person(asked.name.strip(), scope_of(asked.scope), password, asked.email)
        write_person(users_file(settings), person)
    except CrmAssetsError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    print(f"{person.name} sees {person.scope}: written to {users_file(settings)}")
    return 0


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Again: "):
        raise SettingsError("The two passwords differ; start again.")
    return first


if __name__ == "__main__":
    sys.exit(main())
