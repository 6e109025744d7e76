"""`python -m dev.notebooks`: run the notebooks on stored tables, with the results in CRM_HOME/notebooks."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from crm_assets.settings import get_settings
from dev.place import ROOT

NOTEBOOKS = ROOT / "notebooks"


def execute(notebook: Path, folder: Path) -> Path:
    """Run a notebook from top to bottom and return the copy with its results, in `folder`.

    Raises:
        CellExecutionError: a cell fails.
    """
    document = nbformat.read(notebook, as_version=4)
    # Over files instead of ports, where other users of the machine could listen.
    kernel = AsyncKernelManager(kernel_name="python3", transport="ipc")
    NotebookClient(document, km=kernel, timeout=None).execute()
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(document, folder / notebook.name)
    return folder / notebook.name


def main() -> int:
    """Run all notebooks."""
    # Somebody who chose another backend for plots would get none in the notebooks.
    os.environ.pop("MPLBACKEND", None)
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        try:
            print(execute(notebook, get_settings().home / "notebooks"))
        except CellExecutionError as error:
            print(f"{notebook.name}: {error.ename}: {error.evalue}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
