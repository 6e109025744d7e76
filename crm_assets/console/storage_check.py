"""`python -m crm_assets.console.storage_check`: show which store is in force and why, and test it."""

from __future__ import annotations

import sys
import uuid

from crm_assets.console.terminal import run_command, take_no_arguments
from crm_assets.defs.progress import console
from crm_assets.errors import StorageError
from crm_assets.settings import get_settings
from crm_assets.sources.select import select_source
from crm_assets.storage.choice import open_store
from crm_assets.storage.files import Files
from crm_assets.storage.home import Home

PROBE = b"written and removed by make storage-check"


def main() -> int:
    """Print the store in force, write a file, read it and remove it; return 0 if all of that worked."""
    settings = get_settings()
    source = select_source(settings)
    files = open_store(settings).files
    store, reason = settings.store
    console.print(f"Source     {source.identity}: {source.description}", soft_wrap=True)
    console.print(f"Store      {store} ({reason})", soft_wrap=True)
    if store == "s3":
        console.print(f"Server     {settings.s3_endpoint or 'Amazon S3'}", soft_wrap=True)
    console.print(f"Tables     {files.where('')}", soft_wrap=True)
    files.check()
    home = Home(files, source, settings)
    console.print(f"They are   {home.holder or 'of no recorded source'}", soft_wrap=True)
    home.check()
    _probe(files)
    console.print("[green]✓[/green] A file was written, read and removed.")
    return 0


def _probe(files: Files) -> None:
    # Each check has its own file name, since two people may check at once.
    key = f"storage-check-{uuid.uuid4().hex}"
    draft = files.draft()
    draft.write_bytes(PROBE)
    files.publish(draft, key)
    try:
        [copy] = files.fetch([key])
        if copy is None or copy.read_bytes() != PROBE:
            raise StorageError(f"{files.where(key)} does not hold the bytes that were just written to it.")
    finally:
        files.remove(key)


if __name__ == "__main__":
    take_no_arguments(__doc__)
    sys.exit(run_command(main))
