"""API keys: who calls, what the key may do, and whose deals it sees. Only hashes are stored.

A key is `crm_<id>_<secret>`. The secret has 256 random bits, so that a plain SHA-256 of the key cannot be
guessed back.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml

from crm_assets.errors import SettingsError
from crm_assets.insight.private_file import write_private
from crm_assets.insight.scope import EVERYTHING, Scope, scope_of

READ, SCORE = "read", "score"
SCOPES = (READ, SCORE)
_KEY = re.compile(r"crm_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
# What an unknown id is compared with, so that it takes as long as a known one.
_NOBODY = hashlib.sha256(b"nobody").hexdigest()


@dataclass(frozen=True)
class Key:
    """One row of the file of keys.

    Attributes:
        id: the public part of the key.
        name: whose it is; for the log.
        digest: SHA-256 of the key, 64 hex digits.
        may: `read`, `score` or both.
        sees: whose deals.
        expires: the last day on which it is valid, in UTC; None if it never expires.
    """

    id: str
    name: str
    digest: str
    may: frozenset[str] = frozenset(SCOPES)
    sees: Scope = EVERYTHING
    expires: date | None = None


# Who calls if no key is configured: somebody on this machine.
LOCAL = Key("local", "this machine", _NOBODY)


class RefusedError(Exception):
    """A key that is missing, unknown or expired."""


class Keys:
    """The keys of a file."""

    def __init__(self, keys: Mapping[str, Key]) -> None:
        self._keys = dict(keys)

    def caller(self, token: str) -> Key:
        """Return the row of a key.

        Raises:
            RefusedError: it is unknown or expired.
        """
        match = _KEY.fullmatch(token)
        found = self._keys.get(match[1]) if match else None
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
        same = hmac.compare_digest(digest, found.digest if found else _NOBODY)
        if found is None or not same:
            raise RefusedError("The API key is not known; check it, or make a new one with make api-key.")
        if found.expires is not None and datetime.now(UTC).date() > found.expires:
            raise RefusedError(f"The API key expired on {found.expires}; make a new one with make api-key.")
        return found


def read_keys(path: Path) -> Keys:
    """Read the file of keys.

    Raises:
        SettingsError: it is missing, or a row is not valid; names the row and what to do.
    """
    try:
        told = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(
            f"CRM_API_KEY_FILE: {path} cannot be read ({type(error).__name__}); make a key with make api-key."
        ) from None
    rows = told.get("keys") if isinstance(told, dict) else None
    if not isinstance(rows, list) or not rows:
        raise SettingsError(f"CRM_API_KEY_FILE: {path} has no list `keys`; make a key with make api-key.")
    keys = [_key(row, f"CRM_API_KEY_FILE: {path}, key {place}") for place, row in enumerate(rows, start=1)]
    if len({key.id for key in keys}) < len(keys):
        raise SettingsError(f"CRM_API_KEY_FILE: {path} has the same id twice; remove one of the rows.")
    return Keys({key.id: key for key in keys})


def _key(row: Any, where: str) -> Key:
    if not isinstance(row, dict) or (strange := sorted(set(map(str, row)) - set(_ROW))):
        said = f"has unknown fields: {', '.join(strange)}" if isinstance(row, dict) else "is not a row"
        raise SettingsError(f"{where} {said}; a row has {', '.join(_ROW)}.")
    may = row.get("scopes", list(SCOPES))
    if not isinstance(may, list) or not may or not set(map(str, may)) <= set(SCOPES):
        raise SettingsError(f"{where}: write scopes as a list of read and score.")
    if not _DIGEST.fullmatch(str(row.get("sha256", ""))) or not re.fullmatch(
        "[0-9a-f]{12}", str(row.get("id"))
    ):
        raise SettingsError(f"{where} needs an id of 12 and a sha256 of 64 hex digits; use make api-key.")
    expires = row.get("expires")
    if expires is not None and (not isinstance(expires, date) or isinstance(expires, datetime)):
        raise SettingsError(f"{where}: write expires as a day, for example 2027-12-31.")
    try:
        sees = scope_of(str(row.get("sees", "all")))
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from None
    return Key(
        str(row["id"]),
        str(row.get("name", row["id"])),
        str(row["sha256"]),
        frozenset(map(str, may)),
        sees,
        expires,
    )


_ROW = ("id", "name", "sha256", "scopes", "sees", "expires")


def new_key(name: str, scopes: list[str], sees: Scope, expires: date | None) -> tuple[str, dict[str, Any]]:
    """Return a new key, which nobody can read again later, and its row for the file."""
    number = secrets.token_hex(6)
    key = f"crm_{number}_{secrets.token_urlsafe(32)}"
    row: dict[str, Any] = {"id": number, "name": name, "sha256": hashlib.sha256(key.encode()).hexdigest()}
    row |= {"scopes": scopes, "sees": str(sees)}
    return key, row if expires is None else row | {"expires": expires}


def add_row(path: Path, row: dict[str, Any]) -> None:
    """Add a row to the file of keys, which only its owner may read; it is whole or as before.

    Raises:
        SettingsError: the file that is there cannot be read.
    """
    known: dict[str, Any] = {"keys": []}
    if path.exists():
        read_keys(path)
        known = yaml.safe_load(path.read_text("utf-8"))
    known["keys"].append(row)
    write_private(path, known)
