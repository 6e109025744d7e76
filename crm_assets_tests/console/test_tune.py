"""`make tune`: what its command line refuses."""

from __future__ import annotations

import sys

import pytest

from crm_assets.console import tune
from crm_assets.errors import SettingsError


def test_a_worker_must_name_its_algorithm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tune", "--algorithm", "", "--join"])
    with pytest.raises(SettingsError, match="JOIN=yes needs ALGORITHM"):
        tune.main()
