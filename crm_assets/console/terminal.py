"""The wrapper that all console commands share: failures and Ctrl-C end with one line, SIGTERM in order."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from crm_assets.delivery.files import EXPORTS
from crm_assets.errors import CrmAssetsError
from crm_assets.settings import Settings, get_settings

if TYPE_CHECKING:
    from crm_assets.insight.reading import Reader

# The exit code that shells use for a program that Ctrl-C ended: 128 plus the number of SIGINT.
INTERRUPTED = 130


def run_command(main: Callable[[], int]) -> int:
    """Run a command, and return its exit code: 1 after a sentence, 130 after Ctrl-C.

    SIGTERM ends it too only after it has ended the processes that it started.
    """
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        return main()
    except Exception as error:
        text = _sentence(error)
        if text is None:
            raise
        from crm_assets.defs.progress import tell_failure

        tell_failure(text)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminated(number: int, _frame: object) -> None:
    # The exit code that shells use for a program that a signal ended.
    raise SystemExit(128 + number)


def opened() -> tuple[Settings, Reader]:
    """Return the settings in force, and a reader of the stored tables."""
    from crm_assets.insight.reading import Reader
    from crm_assets.storage.choice import open_store

    settings = get_settings()
    return settings, Reader(open_store(settings))


def add_folder(line: argparse.ArgumentParser) -> None:
    """Add the argument that says where a command writes files for people."""
    line.add_argument("--folder", type=Path, default=EXPORTS, help="where to write")


def said(doc: str | None) -> str:
    r"""Return what a command does, from the docstring of its module.

    >>> said("`python -m a`: do it, and say so.\n\nMore.")
    'Do it, and say so.'
    """
    text = (doc or "").partition("`: ")[2].partition("\n\n")[0]
    return text[:1].upper() + text[1:]


def take_no_arguments(doc: str | None) -> None:
    """Answer `--help`, and refuse any other argument, for a command that takes none."""
    name = (doc or "").split("`")[1]
    argparse.ArgumentParser(prog=name, description=said(doc)).parse_args()


def _sentence(error: Exception) -> str | None:
    """Return the sentence of our own error or of a shortage, even if Dagster wraps it; None for others."""
    if isinstance(error, CrmAssetsError):
        return str(error)
    from crm_assets.defs.told import own_sentence

    return own_sentence(error)
