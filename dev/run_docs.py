"""`python -m dev.run_docs [PAGE ...]`: run the commands of the documents on a synthetic sample, page by page.

It takes minutes. Each page gets a home, a Dagster instance and a stack folder of its own, so it touches no
data of yours. Values that stand for yours, such as `path/to/folder`, are replaced.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pyarrow import csv

from crm_assets.crm.schema import RAW_TABLES, SOURCE_ROW
from crm_assets.sources.sample import SyntheticSample
from dev.doc_commands import Block, blocks, pages
from dev.place import ROOT

SAMPLE = {"CRM_SAMPLE_OPPORTUNITIES": "2000"}
# What the tests of this project run by themselves, servers that run until they are stopped, and what changes
# the checkout.
LEFT_OUT = (
    *("make test", "make lint", "make install-scale", "git ", ".venv/bin/pre-commit"),
    *("make serve", "make dashboard", "make dev", "make mlflow", "curl "),
)
# Where the documents name what only the reader has; months of the Kaggle data become those of the sample.
IN_PLACE_OF = {"VERSION=3": "VERSION=1", "2016-": "2022-", "2017-": "2023-"}
# Files that a page may write into the project's folder.
WRITTEN = ("crm.yaml", "api-keys.yaml")
BEFORE = {
    # A second version becomes the champion: the algorithm chosen on the sample does not depend on the seed.
    "docs/guides/promotion.md": "CRM_SEED=1 make run",
    "docs/operations/backup.md": "make stack",
}
NEEDS_A_RUN = ("guides/", "concepts/", "reference/", "rest-api", "model-cards")


def main() -> int:
    """Run the pages and return how many failed."""
    parser = argparse.ArgumentParser(prog="python -m dev.run_docs", description="Run commands of documents.")
    parser.add_argument("pages", nargs="*", type=Path, help="the pages to run; all if none is given")
    given = parser.parse_args().pages
    if strange := [str(page) for page in given if not page.is_file()]:
        parser.error(f"there is no {', '.join(strange)}")
    for name in WRITTEN:
        if (ROOT / name).exists():
            sys.exit(f"{ROOT / name} is in the way; move it away first.")
    chosen = [page.resolve() for page in given] or pages()
    # The database server's user may not enter every folder.
    work = Path(tempfile.mkdtemp(prefix="crm-docs-", dir="/var/tmp"))
    work.chmod(0o711)
    try:
        dump = _write_dump(work / "dump")
        failed = [page for page in chosen if not _run_page(page, work, dump)]
    finally:
        shutil.rmtree(work)
    print(f"{len(failed)} of {len(chosen)} pages failed." if failed else f"All {len(chosen)} pages ran.")
    return len(failed)


def _run_page(page: Path, work: Path, dump: Path) -> bool:
    todo = [block for block in blocks(page) if not block.not_run]
    if not todo:
        return True
    name = page.relative_to(ROOT).as_posix()
    place = work / name.replace("/", "-")
    place.mkdir()
    if name.removeprefix("docs/").startswith(NEEDS_A_RUN):
        shutil.copytree(_finished_run(work) / "home", place / "home")
    began = time.monotonic()
    commands = [BEFORE.get(name, ""), *(_script(block, place, dump) for block in todo)]
    code, output = _run("\n".join(commands), place)
    if (place / "stack").exists():
        _run("make stack-down", place)
    for file in WRITTEN:
        (ROOT / file).unlink(missing_ok=True)
    ended = f"ended with {code}" if code else "ran"
    print(f"{name}: {ended} after {time.monotonic() - began:.0f} s", flush=True)
    if code:
        print("\n".join(output.splitlines()[-25:]), flush=True)
    return code == 0


def _finished_run(work: Path) -> Path:
    """Return the folder of a finished run, which the pages that need one share."""
    place = work / "finished"
    if not place.exists():
        place.mkdir()
        code, output = _run("make run", place)
        if code:
            sys.exit(output)
    return place


def _run(script: str, place: Path) -> tuple[int, str]:
    """Run commands with a home, a Dagster instance and a stack of their own; return exit code and output."""
    place.chmod(0o711)
    (place / "dagster").mkdir(exist_ok=True)
    shutil.copy(ROOT / "dagster.yaml", place / "dagster")
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("CRM_", "KAGGLE_"))}
    own = {
        "CRM_HOME": str(place / "home"),
        "DAGSTER_HOME": str(place / "dagster"),
        "CRM_STACK_DIR": str(place / "stack"),
        "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=ROOT,
        env=mine | SAMPLE | own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def _script(block: Block, place: Path, dump: Path) -> str:
    asked = ((line, re.sub(r"^(?:[A-Z_]+=\S+ )*", "", line)) for line in block.commands)
    text = "\n".join(line for line, command in asked if not command.startswith(LEFT_OUT))
    replaced = IN_PLACE_OF | {
        "path/to/folder": str(dump),
        "$PWD/.dagster_home": "$DAGSTER_HOME",
        "data/tables": str(place / "home" / "tables"),
        "CRM_HOME=data-": f"CRM_HOME={place}/home-",
        "/var/backups/crm": str(place / "backups"),
    }
    for theirs, ours in replaced.items():
        text = text.replace(theirs, ours)
    return text


def _write_dump(folder: Path) -> Path:
    sample = SyntheticSample(2000, seed=7)
    folder.mkdir()
    for table in RAW_TABLES:
        rows = sample.read(table).drop_columns([SOURCE_ROW.name])
        if table.is_there(rows.num_rows):
            csv.write_csv(rows, folder / table.file_name)
    return folder


if __name__ == "__main__":
    sys.exit(main())
