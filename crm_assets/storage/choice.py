"""Which store the settings choose: a folder of this machine, or a bucket."""

from __future__ import annotations

from crm_assets.settings import Settings
from crm_assets.sources.select import select_source
from crm_assets.storage.files import Files
from crm_assets.storage.folder import Folder
from crm_assets.storage.home import Home
from crm_assets.storage.tables import TableStore


def open_store(settings: Settings) -> TableStore:
    """The table store in force. Asks no server: one that does not answer changes nothing of the choice."""
    files = _files(settings)
    owner = Home(files, select_source(settings), settings)
    return TableStore(files, settings.engine_memory, settings.engine, settings.scratch_dir, owner)


def _files(settings: Settings) -> Files:
    if settings.store[0] == "local":
        return Folder(settings.tables_dir, settings.scratch_dir)
    # Here, since a laptop's code location does without.
    from crm_assets.storage.bucket import Bucket
    from crm_assets.storage.client import S3Client

    client = S3Client(endpoint_url=settings.s3_endpoint)
    return Bucket(settings.s3_bucket, settings.s3_prefix, client, settings.scratch_dir)
