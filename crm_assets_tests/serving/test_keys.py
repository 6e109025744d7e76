"""Keys: only hashes are stored, and what is not valid is a sentence."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from crm_assets.console import api_key
from crm_assets.errors import SettingsError
from crm_assets.insight.scope import EVERYTHING
from crm_assets.serving.keys import RefusedError, add_row, new_key, read_keys
from crm_assets.serving.server import check
from crm_assets.settings import get_settings

BAD = {
    "no file": (None, "cannot be read"),
    "no YAML": ("keys: [", "cannot be read"),
    "no list": ("key: 1", "has no list `keys`"),
    "an empty list": ("keys: []", "has no list `keys`"),
    "a row that is none": ("keys: [1]", "key 1 is not a row"),
    "a secret in the file": ("keys: [{id: a, secret: b}]", "key 1 has unknown fields: secret"),
    "no hash": (f"keys: [{{id: '{'0' * 12}'}}]", "needs an id of 12 and a sha256"),
    "an unknown right": (
        f"keys: [{{id: '{'0' * 12}', sha256: {'a' * 64}, scopes: [write]}}]",
        "write scopes as",
    ),
    "a day that is none": (
        f"keys: [{{id: '{'0' * 12}', sha256: {'a' * 64}, expires: soon}}]",
        "write expires as",
    ),
    "a scope that is none": (
        f"keys: [{{id: '{'0' * 12}', sha256: {'a' * 64}, sees: West}}]",
        "is not a scope",
    ),
}


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_a_file_that_is_not_valid_is_a_sentence(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "keys.yaml").write_text(text)
    with pytest.raises(SettingsError, match=rf"^CRM_API_KEY_FILE: .*{re.escape(said)}"):
        read_keys(tmp_path / "keys.yaml")


def test_a_key_is_known_by_its_hash_only(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    key, row = new_key("us", ["read"], EVERYTHING, date(2999, 1, 1))
    old, expired = new_key("old", ["read"], EVERYTHING, date(2020, 1, 1))
    add_row(file, row)
    add_row(file, expired)
    assert key not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    keys = read_keys(file)
    assert (keys.caller(key).name, keys.caller(key).may) == ("us", {"read"})
    for wrong in (key[:-1] + ("a" if key[-1] != "a" else "b"), "", "crm_", key + "\n", "ü" * 60, old):
        with pytest.raises(RefusedError):
            keys.caller(wrong)


def test_the_command_adds_a_key_and_shows_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRM_API_KEY_FILE", str(tmp_path / "keys.yaml"))
    assert api_key.main(["dashboard", "--sees", "office:West", "--expires", "2999-12-31"]) == 0
    key = capsys.readouterr().out.splitlines()[0]
    assert str(read_keys(tmp_path / "keys.yaml").caller(key).sees) == "office:West"
    with pytest.raises(SettingsError, match="is not a day"):
        api_key.main(["x", "--expires", "soon"])


def test_without_keys_only_this_machine_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    check(get_settings())
    monkeypatch.setenv("CRM_API_HOST", "0.0.0.0")  # noqa: S104 - it is refused
    get_settings.cache_clear()
    with pytest.raises(SettingsError, match="would serve other machines without API keys: make a key"):
        check(get_settings())
