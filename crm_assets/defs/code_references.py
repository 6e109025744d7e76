"""Links from each asset to its code: files on this machine, or the repository that the settings name."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction

from crm_assets.settings import get_settings

PACKAGE = Path(__file__).parent.parent


def with_code_references(assets: Sequence[Any]) -> list[Any]:
    """Return the assets with links to their code."""
    settings = get_settings()
    with warnings.catch_warnings():
        # Dagster marks code references as beta; we use them on purpose.
        warnings.simplefilter("ignore", dg.BetaWarning)
        linked = [_linked(asset) for asset in assets]
        if settings.code_url is None:
            return linked
        anchor = dg.AnchorBasedFilePathMapping(PACKAGE, PACKAGE.name)
        return list(dg.link_code_references_to_git(linked, settings.code_url, settings.code_branch, anchor))


def _linked(asset: Any) -> Any:
    """Return an asset with a link to its own function; Dagster would link to the innermost decorator."""
    if not isinstance(asset, dg.AssetsDefinition) or not isinstance(asset.node_def, dg.OpDefinition):
        return asset
    compute = asset.node_def.compute_fn
    function = inspect.unwrap(compute.decorated_fn if isinstance(compute, DecoratedOpFunction) else compute)
    place = dg.LocalFileCodeReference(
        file_path=inspect.getfile(function), line_number=inspect.getsourcelines(function)[1]
    )
    links = {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[place])}
    return asset.map_asset_specs(lambda spec: spec.merge_attributes(metadata=links))
