"""Open the store that the settings choose: a folder on this machine, or a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crm_assets.settings import Settings
from crm_assets.sources.select import select_source
from crm_assets.storage.files import Files
from crm_assets.storage.folder import Folder
from crm_assets.storage.home import Home
from crm_assets.storage.tables import TableStore

if TYPE_CHECKING:
    from crm_assets.storage.client import S3Clients


def open_store(settings: Settings, s3: S3Clients | None = None) -> TableStore:
    """Open the table store in force, without asking any server.

    Args:
        settings: which store it is.
        s3: makes the clients of a bucket; if None, botocore does, with the settings' endpoint.
    """
    files = _files(settings, s3)
    owner = Home(files, select_source(settings), settings)
    return TableStore(files, settings.engine_memory, settings.engine, settings.scratch_dir, owner)


def _files(settings: Settings, s3: S3Clients | None) -> Files:
    if settings.store[0] == "local":
        return Folder(settings.tables_dir, settings.scratch_dir)
    # Imported here, since a code location with local tables does not need it.
    from crm_assets.storage.bucket import Bucket
    from crm_assets.storage.client import S3Client

    clients = s3 or S3Client(settings.s3_endpoint)
    return Bucket(settings.s3_bucket, settings.s3_prefix, clients, settings.scratch_dir)
