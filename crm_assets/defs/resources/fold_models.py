"""The models of past months that one run has fitted, so that its champion need not fit them again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

if TYPE_CHECKING:
    from crm_assets.modeling.folds import FoldModels


class RunFoldModels(dg.ConfigurableResource):
    """Fitted models of past months, kept for the time of a run.

    A step in a process of its own starts with none and fits what it needs: the same models, later.
    """

    _kept: FoldModels | None = PrivateAttr(default=None)

    @property
    def kept(self) -> FoldModels:
        """Those of this run so far."""
        from crm_assets.modeling.folds import FoldModels

        if self._kept is None:
            self._kept = FoldModels()
        return self._kept
