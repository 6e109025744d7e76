"""Command lines: each command has its arguments in the reference, and one without any refuses them."""

from __future__ import annotations

import sys

import pytest

from crm_assets import __main__ as whole_run
from crm_assets.console.terminal import take_no_arguments
from dev.argument_docs import commands


def test_a_command_without_arguments_says_what_it_does_and_refuses_any(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["crm_assets", "--help"])
    with pytest.raises(SystemExit) as ended:
        take_no_arguments(whole_run.__doc__)
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert "usage: python -m crm_assets" in told
    assert "Run the whole graph" in told

    monkeypatch.setattr(sys, "argv", ["crm_assets", "2017-06"])
    with pytest.raises(SystemExit) as ended:
        take_no_arguments(whole_run.__doc__)
    assert ended.value.code == 2
    assert "2017-06" in capsys.readouterr().err


def test_the_reference_lists_arguments_and_subcommands() -> None:
    told = commands()
    assert "| `registry` | `promote VERSION` |" in told
    assert "| `replay` | `--from FIRST` |" in told
    assert "`python -m crm_assets.console.storage_check`" in told
