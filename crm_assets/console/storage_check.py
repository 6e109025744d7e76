"""`python -m crm_assets.console.storage_check`: which store is in force, why, and whether it can be used."""

from __future__ import annotations

import sys
import uuid

from crm_assets.defs.progress import console, tell_failure
from crm_assets.errors import CrmAssetsError, StorageError
from crm_assets.settings import get_settings
from crm_assets.storage.choice import open_store
from crm_assets.storage.files import Files

PROBE = b"written and removed by make storage-check"


def main() -> int:
    """Tell of the store in force, write a file, read it and remove it; 0 where all of that went well."""
    try:
        settings = get_settings()
        files = open_store(settings).files
        store, reason = settings.store
        console.print(f"Store      {store} ({reason})", soft_wrap=True)
        if store == "s3":
            console.print(f"Server     {settings.s3_endpoint or 'Amazon S3'}", soft_wrap=True)
        console.print(f"Tables     {files.where('')}", soft_wrap=True)
        files.check()
        _probe(files)
    except CrmAssetsError as error:
        tell_failure(str(error))
        return 1
    console.print("[green]✓[/green] A file was written, read and removed.")
    return 0


def _probe(files: Files) -> None:
    # A name of its own, since two people may check at once.
    key = f"storage-check-{uuid.uuid4().hex}"
    draft = files.draft()
    draft.write_bytes(PROBE)
    files.publish(draft, key)
    try:
        [copy] = files.fetch([key])
        if copy is None or copy.read_bytes() != PROBE:
            raise StorageError(f"{files.where(key)} does not hold what was written to it a moment ago.")
    finally:
        files.remove(key)


if __name__ == "__main__":
    sys.exit(main())
