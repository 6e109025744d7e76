"""`python -m crm_assets.dashboard.users NAME SEES`: say which deals somebody sees in the dashboard."""

from __future__ import annotations

import argparse
import getpass
import sys

from crm_assets.errors import CrmAssetsError, SettingsError, StorageError
from crm_assets.insight.people import Person, hash_password, users_file, write_person
from crm_assets.insight.reading import Reader
from crm_assets.insight.scope import Scope, scope_of
from crm_assets.settings import Settings, get_settings
from crm_assets.storage.choice import open_store


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
        scope = scope_of(asked.scope)
        needs = settings.dashboard_login in ("password", "none")
        password = hash_password(_password()) if needs else None
        person = Person(asked.name.strip(), scope, password, asked.email)
        write_person(users_file(settings), person)
    except CrmAssetsError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    print(f"{person.name} sees {person.scope.said()}: written to {users_file(settings)}")
    if doubt := _doubt(settings, scope):
        print(f"! {doubt}", file=sys.stderr)
    if settings.dashboard_login == "none":
        print("Start the dashboard with the login: CRM_DASHBOARD_LOGIN=password make dashboard")
    return 0


def _doubt(settings: Settings, scope: Scope) -> str | None:
    """Return what is odd about a scope, as far as the stored deals tell."""
    try:
        team = Reader(open_store(settings)).team()
    except StorageError:
        return None
    if not (unknown := scope.unknown(team)):
        return None
    column = scope.level.value
    known = ", ".join(sorted(team[column].dropna().unique())) if column in team else "none"
    return f"No deal belongs to {', '.join(unknown)}: write the name as the CRM does; there are {known}."


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Again: "):
        raise SettingsError("The two passwords differ; start again.")
    return first


if __name__ == "__main__":
    sys.exit(main())
