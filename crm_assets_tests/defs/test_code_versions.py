"""Which edits give an asset a new code version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crm_assets.defs import code_versions

ASSETS = '''
from crm_assets.crm import cleaning
from crm_assets.crm.text import upper
from crm_assets.defs.options import asset

@asset(owner="me")
def deals(raw, other):
    """Clean deals."""
    return cleaning.clean(raw)

@asset(owner="me")
def other(raw):
    return upper(raw)
'''
CLEANING = '''
from crm_assets.crm.text import upper
from crm_assets.settings import get_settings
LIMIT = 3
UNUSED = 1

def clean(raw):
    """Clean."""
    return _short(raw)

def _short(raw):
    # Three letters.
    return upper(raw)[:LIMIT]

def unused(raw):
    return raw
'''
TEXT = "def upper(text):\n    return text.upper()\n"


def made(name: str) -> Any:
    """Return a stand-in for a function of the assets' module."""
    return SimpleNamespace(__module__="crm_assets.defs.assets", __qualname__=name)


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, str]]:
    """Return a function that gives the versions of both assets after edits (file, old text, new text)."""
    package = tmp_path / "crm_assets"
    files = {"defs/assets.py": ASSETS, "crm/cleaning.py": CLEANING, "crm/text.py": TEXT}
    monkeypatch.setattr(code_versions, "PACKAGE", package)

    def after(*edits: tuple[str, str, str]) -> tuple[str, str]:
        for name, text in files.items():
            for file, old, new in edits:
                if file == name:
                    assert old in text
                    text = text.replace(old, new)
            (package / name).parent.mkdir(parents=True, exist_ok=True)
            (package / name).write_text(text)
        for kept in (code_versions._path, code_versions._symbol, code_versions._symbols):
            kept.cache_clear()
        deals, other = (code_versions.code_version(made(name)) for name in ("deals", "other"))
        return deals, other

    return after


@pytest.mark.parametrize(
    "edit",
    [
        ("crm/cleaning.py", "LIMIT = 3", "LIMIT = 4"),
        ("crm/cleaning.py", "upper(raw)[:LIMIT]", "upper(raw)[LIMIT:]"),
        ("crm/cleaning.py", "return _short(raw)", "return _short(_short(raw))"),
        ("defs/assets.py", "cleaning.clean(raw)", "cleaning.clean(cleaning.clean(raw))"),
    ],
)
def test_what_an_asset_uses_changes_its_version_and_no_other(
    versions: Callable[..., tuple[str, str]], edit: tuple[str, str, str]
) -> None:
    before, after = versions(), versions(edit)
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_what_both_use_changes_both(versions: Callable[..., tuple[str, str]]) -> None:
    before, after = versions(), versions(("crm/text.py", "upper()", "lower()"))
    assert (after[0] != before[0], after[1] != before[1]) == (True, True)


@pytest.mark.parametrize(
    "edit",
    [
        ("crm/cleaning.py", "UNUSED = 1", "UNUSED = 2"),
        ("crm/cleaning.py", "    return raw\n", "    return None\n"),
        ("crm/cleaning.py", '"""Clean."""', '"""Clean deals."""'),
        ("crm/cleaning.py", "# Three letters.", "# A few letters."),
        ("defs/assets.py", 'owner="me"', 'owner="you"'),
    ],
)
def test_what_an_asset_does_not_use_changes_nothing(
    versions: Callable[..., tuple[str, str]], edit: tuple[str, str, str]
) -> None:
    assert versions() == versions(edit)
