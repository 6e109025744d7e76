"""`python -m crm_assets.console.mapping FILE`: draft a mapping from the files in `CRM_DATA_DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pyarrow.compute as pc

from crm_assets.console.terminal import run_command, said
from crm_assets.crm.schema import Stage
from crm_assets.defs.progress import console
from crm_assets.errors import CrmAssetsError, SettingsError, StorageError
from crm_assets.settings import get_settings
from crm_assets.sources.mapping.files import CrmFiles
from crm_assets.sources.mapping.guess.draft import Draft, draft
from crm_assets.sources.mapping.guess.look import Look, look
from crm_assets.sources.mapping.load import NOTHING, parse
from crm_assets.sources.mapping.tables import CrmTables

DEFAULT_FILE = "crm.yaml"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(prog="python -m crm_assets.console.mapping", description=said(__doc__))
    line.add_argument("file", nargs="?", type=Path, default=Path(DEFAULT_FILE), help="the file to write")
    return line


def main() -> int:
    """Look at the files, write the draft, say what is not sure and what the draft makes of them."""
    target: Path = parser().parse_args().file
    folder = get_settings().data_dir
    if folder is None:
        raise SettingsError("make mapping needs CRM_DATA_DIR: set it to the folder of the CRM's files.")
    if target.exists():
        raise SettingsError(
            f"{target} is there already: remove it, or name another file, for example "
            "`make mapping MAPPING=draft.yaml`."
        )
    found = look(folder)
    made = draft(found, str(folder))
    _write(target, made.text)
    _tell(found, made, target)
    _try(made, folder, target)
    return 0


def _write(target: Path, text: str) -> None:
    made = False
    try:
        # Refuses a file that came to be in the meantime, in place of writing over it.
        with target.open("x", encoding="utf-8") as file:
            made = True
            file.write(text)
    except OSError as error:
        if made:
            target.unlink(missing_ok=True)
        raise StorageError(f"Cannot write {target}: {error.strerror}; name another file.") from error


def _tell(found: Look, made: Draft, target: Path) -> None:
    preset = "no preset" if found.preset == NOTHING else f"the preset {found.preset}"
    console.print(f"[green]✓[/green] {target} starts from {preset}: {found.why}.", soft_wrap=True)
    for role, file in found.by_role.items():
        console.print(f"  {role:<16} {file.name}", soft_wrap=True, highlight=False)
    for doubt in made.doubts:
        console.print(f"[yellow]?[/yellow] {doubt}", soft_wrap=True, highlight=False)


def _try(made: Draft, folder: Path, target: Path) -> None:
    """Say what the draft makes of the files."""
    try:
        loaded = parse(made.text, target)
        files = CrmFiles(folder, loaded)
        files.check()
        deals = CrmTables(loaded, files.rows).deals
    except CrmAssetsError as error:
        console.print(f"[yellow]![/yellow] To do in {target}: {error}", soft_wrap=True, highlight=False)
        return
    counts = {one["values"]: one["counts"] for one in pc.value_counts(deals.text["deal_stage"]).to_pylist()}
    open_ = counts.get(Stage.ENGAGING.value, 0) + counts.get(Stage.PROSPECTING.value, 0)
    console.print(
        f"[green]✓[/green] It reads {deals.text.num_rows:,} deals: {counts.get(Stage.WON.value, 0):,} won, "
        f"{counts.get(Stage.LOST.value, 0):,} lost, {open_:,} open.",
        soft_wrap=True,
        highlight=False,
    )
    for note in deals.notes:
        console.print(f"[yellow]![/yellow] {note}", soft_wrap=True, highlight=False)
    # A home belongs to one source, and the default one may hold the sample.
    home = "" if "home" in get_settings().model_fields_set else "CRM_HOME=data-crm "
    console.print(
        f"Look through {target}, then run: CRM_DATA_DIR={folder} {home}CRM_MAPPING={target} make run",
        soft_wrap=True,
        highlight=False,
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
