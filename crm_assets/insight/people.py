"""People: which deals they see, how they log in, and where their digest goes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import yaml

from crm_assets.errors import SettingsError
from crm_assets.insight.private_file import write_private
from crm_assets.insight.scope import Scope, scope_of
from crm_assets.settings import Settings

# scrypt's costs, as RFC 7914 and OWASP recommend for logins: 32 MiB per try.
COST, BLOCK, PARALLEL, LENGTH = 2**15, 8, 1, 32
MEMORY = 64 * 2**20
SHORTEST_PASSWORD = 10
MOST_TRIES, WAIT_SECONDS = 5, 60.0


@dataclass(frozen=True)
class Person:
    """Somebody who may open the dashboard.

    Attributes:
        name: what they log in as: a name, or what the proxy or provider calls them.
        scope: the deals that they see.
        password: its hash; None if a proxy or a provider logs them in.
        email: where their digest goes; None for nowhere.
    """

    name: str
    scope: Scope
    password: str | None = None
    email: str | None = None


def users_file(settings: Settings) -> Path:
    """Return the file of people."""
    return settings.dashboard_users or settings.home / "dashboard_users.yaml"


def read_people(path: Path) -> dict[str, Person]:
    """Read the file of people, by lower-case name.

    Raises:
        SettingsError: it is missing, open to others, or malformed.
    """
    hint = "make dashboard-user NAME=dustin SEES='manager:Dustin Brinkmann' adds somebody"
    try:
        text = path.read_text(encoding="utf-8")
        if path.stat().st_mode & 0o077:
            raise SettingsError(f"{path} can be read by other users of this machine: chmod 600 {path}")
        entries: Any = yaml.safe_load(text) or []
    except FileNotFoundError:
        raise SettingsError(f"{path} is missing, so nobody may log in: {hint}.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path} cannot be read ({type(error).__name__}): {hint}.") from error
    if not isinstance(entries, list):
        raise SettingsError(f"{path} is not a list of people: {hint}.")
    people = [_person(entry, path, number) for number, entry in enumerate(entries, start=1)]
    names = [person.name.casefold() for person in people]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError(f"{path}: {', '.join(twice)} appears more than once; keep one entry per person.")
    return dict(zip(names, people, strict=True))


def write_person(path: Path, person: Person) -> None:
    """Add a person to the file, or replace the entry with the same name."""
    people = read_people(path) if path.exists() else {}
    people[person.name.casefold()] = person
    entries = [
        {"name": one.name, "scope": str(one.scope)}
        | ({"password": one.password} if one.password else {})
        | ({"email": one.email} if one.email else {})
        for one in people.values()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, entries)


def hash_password(password: str) -> str:
    """Return the salted scrypt hash of a password.

    Raises:
        SettingsError: the password is too short.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise SettingsError(f"The password is too short; use at least {SHORTEST_PASSWORD} characters.")
    salt = secrets.token_bytes(16)
    parts = (salt, _scrypt(password, salt))
    return "$".join(["scrypt", *(base64.b64encode(part).decode() for part in parts)])


def is_password(password: str, stored: str | None) -> bool:
    """Return whether a password has the stored hash; it takes as long for people who have none."""
    kind, salt, digest = [*(stored or "none$$").split("$"), "", ""][:3]
    try:
        key = _scrypt(password, base64.b64decode(salt))
        return kind == "scrypt" and hmac.compare_digest(key, base64.b64decode(digest))
    except ValueError:
        return False


def is_verified(claim: object) -> bool:
    """Return whether a provider's claim `email_verified` says that the address is the person's own.

    Some providers write a word in place of a truth value.

    >>> [is_verified(claim) for claim in (True, "true", False, "false", None)]
    [True, True, False, False, False]
    """
    return str(claim).casefold() == "true"


@dataclass
class Throttle:
    """Makes people wait after too many wrong passwords, so that nobody can try many."""

    failures: dict[str, list[float]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def wait(self, name: str, now: float | None = None) -> float:
        """Return for how many seconds a name must wait before its next try."""
        now = time.monotonic() if now is None else now
        with self.lock:
            recent = [at for at in self.failures.get(name, []) if now - at < WAIT_SECONDS]
            if recent:
                self.failures[name] = recent
            else:
                self.failures.pop(name, None)
            return WAIT_SECONDS - (now - recent[0]) if len(recent) >= MOST_TRIES else 0.0

    def failed(self, name: str, now: float | None = None) -> None:
        """Note a wrong password."""
        with self.lock:
            self.failures.setdefault(name, []).append(time.monotonic() if now is None else now)


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=COST, r=BLOCK, p=PARALLEL, maxmem=MEMORY, dklen=LENGTH
    )


def _person(entry: Any, path: Path, number: int) -> Person:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry.get("scope"):
        raise SettingsError(f"{path}, entry {number}: write name and scope, for example scope: office:West.")
    try:
        email = entry.get("email")
        if email is not None and not re.fullmatch(r"[^@\s,<>]+@[^@\s,<>]+", str(email)):
            raise SettingsError(f"{email!r} is not an e-mail address.")
        return Person(entry["name"], scope_of(str(entry["scope"])), entry.get("password"), email)
    except SettingsError as error:
        raise SettingsError(f"{path}, entry {number}: {error}") from None
