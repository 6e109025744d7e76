"""The bucket of the tables: dagster-aws's S3 resource creates the clients of a Dagster run."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from dagster_aws.s3 import S3Resource

from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.settings import get_settings
from crm_assets.storage.choice import open_store
from crm_assets.storage.client import READ_SECONDS, make_client
from crm_assets.storage.tables import TableStore


class S3(S3Resource):
    """dagster-aws's S3 resource, with a client that soon gives up on a server that does not answer.

    Credentials come from the environment or the profile, never from the configuration, which people can see.
    """

    def get_client(self, read_seconds: float = READ_SECONDS) -> Any:
        """Return an S3 client with this read timeout, in seconds."""
        return make_client(read_seconds, self.endpoint_url, self.region_name, self.profile_name)


class BucketStoreResource(TableStoreResource):
    """The table store in a bucket, with clients that the nested S3 resource creates."""

    s3: S3

    @cached_property
    def store(self) -> TableStore:
        """The store, the same for as long as the resource lives."""
        return open_store(get_settings(), self.s3)
