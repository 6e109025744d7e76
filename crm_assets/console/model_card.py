"""`python -m crm_assets.console.model_card`: print the model card of a registered version."""

from __future__ import annotations

import argparse
import sys

from crm_assets.console.terminal import run_command, said
from crm_assets.errors import NotEnoughDataError
from crm_assets.settings import get_settings


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(prog="python -m crm_assets.console.model_card", description=said(__doc__))
    line.add_argument("version", nargs="?", default="", help="its number; the champion by default")
    return line


def main() -> int:
    """Print the card, and return 0.

    Raises:
        NotEnoughDataError: there is no champion.
        RegistryError: there is no such version, or it has no card.
        SourceUnavailableError: the registry does not answer.
    """
    version = parser().parse_args().version
    sys.stdout.write(card(version))
    return 0


def card(version: str) -> str:
    """Return the card of a version by its number, or of the champion if it is empty, as Markdown."""
    settings = get_settings()
    if settings.mlflow_tracking_uri is None and not (settings.home / "mlflow.db").exists():
        raise NotEnoughDataError(f"There is no registry in {settings.home}: run the graph first (make run).")
    from crm_assets.registry import aliases, cards, tracking

    with tracking.told(settings.tracking_uri):
        tracking.connect(settings.tracking_uri, settings.artifacts_dir)
        found = aliases.existing(version) if version else aliases.holder(aliases.CHAMPION)
        if found is None:
            raise NotEnoughDataError(
                "No version is champion. Name one (make model-card VERSION=1), or promote one "
                "(make promote VERSION=1)."
            )
        return cards.card_of(found)


if __name__ == "__main__":
    sys.exit(run_command(main))
