"""The table store as a resource: assets, checks and sensors use it through the parameter `tables`."""

from __future__ import annotations

from functools import cached_property

import dagster as dg

from crm_assets.settings import get_settings
from crm_assets.storage.choice import open_store
from crm_assets.storage.tables import TableStore


class TableStoreResource(dg.ConfigurableResource):
    """The table store that the settings choose."""

    @cached_property
    def store(self) -> TableStore:
        """The store, the same for as long as the resource lives."""
        return open_store(get_settings())


def table_store() -> dg.PartialResource[TableStoreResource]:
    """Return the resource of the store in force.

    It is configured at launch, with no values, because Dagster then gives the same object to the IO manager
    and to the parameters `tables`, so that a run opens only one engine.
    """
    settings = get_settings()
    if settings.store[0] == "local":
        return TableStoreResource.configure_at_launch()
    # Import here, since a local code location does not need it.
    from crm_assets.defs.resources.s3 import S3, BucketStoreResource

    return BucketStoreResource.configure_at_launch(s3=S3(endpoint_url=settings.s3_endpoint))
