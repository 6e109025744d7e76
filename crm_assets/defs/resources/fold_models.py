"""What a run has fitted and computed for past months, so that no asset does it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import PrivateAttr

from crm_assets.settings import get_settings

if TYPE_CHECKING:
    from crm_assets.engine.spark import SparkEngine
    from crm_assets.modeling.folds import FoldModels


class RunFoldModels(dg.ConfigurableResource):
    """Fitted models of past months, kept in memory during a run.

    A step in its own process starts with none, and fits the same models again.
    """

    _kept: FoldModels | None = PrivateAttr(default=None)
    _outlook: dict[Any, Any] = PrivateAttr(default_factory=dict)
    _monitored: dict[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def kept(self) -> FoldModels:
        """The models of this run so far."""
        from crm_assets.modeling.folds import FoldModels

        if self._kept is None:
            self._kept = FoldModels(_spark())
        return self._kept

    @property
    def outlook(self) -> dict[Any, Any]:
        """The memo of `modeling.outlook.walk.Walk`: predictions and forecast need the same past months."""
        return self._outlook

    @property
    def monitored(self) -> dict[str, Any]:
        """The history of the month that the assets of monitoring look at, by month."""
        return self._monitored


def _spark() -> SparkEngine | None:
    """Return Spark if it is the engine of this run: algorithms then learn there as well."""
    settings = get_settings()
    if settings.engine != "pyspark":
        return None
    from crm_assets.engine.choice import open_spark

    return open_spark(settings.scratch_dir)
