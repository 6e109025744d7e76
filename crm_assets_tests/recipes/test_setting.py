"""The recipe "Add a setting" of CONTRIBUTING.md, followed exactly on a scratch copy."""

from __future__ import annotations

import shutil
from pathlib import Path

from crm_assets_tests.recipes.scratch import scratch_copy
from dev.place import ROOT

FIELD = """    greeting_days: int = Field(
        7, ge=1, description="Days before the end of a month on which a greeting is due."
    )
    seed: int = Field("""
READ = "from crm_assets.settings import get_settings; print(get_settings().greeting_days)"


def test_a_setting_is_one_field_and_the_documents_follow(tmp_path: Path) -> None:
    copy = scratch_copy(tmp_path / "copy")
    shutil.copy(ROOT / ".env.example", copy.root / ".env.example")
    copy.edit("crm_assets/settings.py", ("    seed: int = Field(", FIELD))
    assert copy.changed() == {"crm_assets/settings.py"}

    assert "run `make docs`" in copy.tests("crm_assets_tests/test_documents.py", "-k", "setting").stdout
    written = copy.python("-m", "dev.settings_docs")
    assert written.returncode == 0, written.stderr
    assert copy.changed() == {"crm_assets/settings.py", "docs/reference/settings.md", ".env.example"}
    for document in ("docs/reference/settings.md", ".env.example"):
        assert (
            "Days before the end of a month on which a greeting is due." in (copy.root / document).read_text()
        )

    assert copy.python("-c", READ).stdout == "7\n"
    assert copy.python("-c", READ, CRM_GREETING_DAYS="3").stdout == "3\n"
    for wrong, said in {
        "CRM_GREETING_DAYS": "CRM_GREETING_DAYS: ",
        "CRM_GRETING_DAYS": "did you mean",
    }.items():
        assert said in copy.python("-c", READ, **{wrong: "0"}).stderr
    tested = copy.tests(
        "crm_assets_tests/test_documents.py", "crm_assets_tests/test_settings.py", "-k", "setting"
    )
    assert tested.returncode == 0, tested.stdout
