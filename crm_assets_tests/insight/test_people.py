"""People: hashed passwords, a file that others cannot read, and a pause after wrong passwords."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm_assets.errors import SettingsError
from crm_assets.insight.people import (
    MOST_TRIES,
    WAIT_SECONDS,
    Person,
    Throttle,
    hash_password,
    is_password,
    read_people,
    write_person,
)
from crm_assets.insight.scope import scope_of


def test_a_password_is_kept_as_a_salted_hash(tmp_path: Path) -> None:
    file = tmp_path / "home" / "users.yaml"
    stored = hash_password("correct horse battery")
    write_person(file, Person("Dustin", scope_of("manager:Dustin Brinkmann"), stored))
    write_person(file, Person("boss", scope_of("all"), stored, "boss@example.com"))
    write_person(file, Person("dustin", scope_of("office:West"), stored))
    assert file.stat().st_mode & 0o777 == 0o600
    assert "horse" not in file.read_text()
    people = read_people(file)
    assert str(people["dustin"].scope) == "office:West"
    assert people["boss"].email == "boss@example.com"
    assert is_password("correct horse battery", people["boss"].password)
    assert not is_password("correct horse", people["boss"].password)
    assert not is_password("", None)
    assert stored != hash_password("correct horse battery")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- name: a\n", "entry 1: write name and scope"),
        ("- {name: a, scope: 'team:x'}\n", "entry 1: 'team:x' is not a scope"),
        ("- {name: a, scope: all}\n- {name: A, scope: all}\n", "a appears more than once"),
        ("- {name: a, scope: all, email: nobody}\n", "'nobody' is not an e-mail address"),
        ("people: 3\n", "is not a list of people"),
        ("- [", "cannot be read"),
    ],
)
def test_a_malformed_file_of_people_lets_nobody_in(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "users.yaml"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(SettingsError, match=said):
        read_people(file)


def test_a_file_that_others_can_read_lets_nobody_in(tmp_path: Path) -> None:
    file = tmp_path / "users.yaml"
    with pytest.raises(SettingsError, match="is missing, so nobody may log in"):
        read_people(file)
    file.write_text("[]")
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        read_people(file)


def test_too_many_wrong_passwords_make_a_name_wait() -> None:
    throttle = Throttle()
    for second in range(MOST_TRIES):
        assert throttle.wait("boss", second) == 0
        throttle.failed("boss", second)
    assert throttle.wait("boss", MOST_TRIES) == WAIT_SECONDS - MOST_TRIES
    assert throttle.wait("other", MOST_TRIES) == 0
    assert throttle.wait("boss", WAIT_SECONDS + MOST_TRIES) == 0


def test_a_short_password_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least 10 characters"):
        hash_password("short")
