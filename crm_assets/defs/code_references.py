"""Links from each asset to its code: files on this machine, or the repository that the settings name."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from crm_assets.settings import get_settings

PACKAGE = Path(__file__).parent.parent


def with_code_references(assets: Sequence[Any]) -> list[Any]:
    """Return the assets with links to their code."""
    settings = get_settings()
    with warnings.catch_warnings():
        # Dagster marks code references as beta; we use them on purpose.
        warnings.simplefilter("ignore", dg.BetaWarning)
        linked = dg.with_source_code_references(assets)
        if settings.code_url is None:
            return list(linked)
        anchor = dg.AnchorBasedFilePathMapping(PACKAGE, PACKAGE.name)
        return list(dg.link_code_references_to_git(linked, settings.code_url, settings.code_branch, anchor))
