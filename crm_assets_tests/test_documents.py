"""README.md and .env.example agree with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crm_assets.settings import Settings, variable
from dev.settings_docs import env_example, with_table
from dev.tables_docs import with_tables

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def test_the_settings_of_readme_and_env_example_are_those_of_the_code() -> None:
    assert with_table(README) == README, "run `make docs`"
    assert (ROOT / ".env.example").read_text("utf-8") == env_example(), "run `make docs`"


def test_the_files_of_readme_are_the_raw_tables_of_the_code() -> None:
    assert with_tables(README) == README, "run `make docs`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_a_sentence(name: str) -> None:
    text = Settings.model_fields[name].description
    assert text
    assert text.endswith(".")
    assert f"`{variable(name)}`" in README


def test_every_target_that_readme_names_exists_and_every_target_has_a_sentence() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## .+\.$", MAKEFILE, re.MULTILINE))
    phony = set(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split())
    assert phony == targets
    assert set(re.findall(r"`?make ([a-z-]+)", README)) - {"sure"} <= targets


def test_every_folder_and_file_that_readme_names_is_there() -> None:
    for name in re.findall(r"^\| `(crm_assets/[a-z_/]+|benchmarks)` \|", README, re.MULTILINE):
        assert (ROOT / name).is_dir()
    for name in re.findall(r"\]\(([^)h][^)]*)\)", README):
        assert (ROOT / name).exists()
