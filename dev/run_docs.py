"""`python -m dev.run_docs [PAGE ...]`: run the commands of the documents on a synthetic sample, page by page.

It takes minutes. Each page gets a home, a Dagster instance and a stack folder of its own, so it touches no
data of yours. Values that stand for yours, such as `path/to/folder`, are replaced. A server runs on a free
port until it answers, and ends with its page. Commands that are left out are listed with the reason.
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
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pyarrow import csv

from crm_assets.crm.schema import RAW_TABLES, SOURCE_ROW
from crm_assets.sources.sample import SyntheticSample
from dev.doc_commands import Block, blocks, pages
from dev.mlflow_server import free_port
from dev.place import ROOT

SAMPLE = {"CRM_SAMPLE_OPPORTUNITIES": "2000"}
# Commands that are left out, and why.
LEFT_OUT = {
    "make test": "runs the tests",
    "make lint": "CI runs it",
    ".venv/bin/pre-commit": "changes the checkout",
    # Dagster stops its processes by SIGINT, which processes in the background of a script ignore.
    "make dev": "runs until Ctrl-C",
}


@dataclass(frozen=True)
class Server:
    """A command that serves until it is stopped.

    Attributes:
        command: how it starts.
        variable: what sets its port.
        port: the port that the documents name.
        answers: the path that answers once the server is ready.
    """

    command: str
    variable: str
    port: int
    answers: str


SERVERS = (
    Server("make serve", "CRM_API_PORT", 8000, "/readyz"),
    Server("make metrics", "CRM_METRICS_PORT", 9109, "/metrics"),
    Server("make dashboard", "CRM_DASHBOARD_PORT", 8501, "/_stcore/health"),
    Server("make mlflow", "PORT", 5000, "/health"),
)
# Start a server in its own session, and wait until it answers. The next server or the page's end stops it.
SERVE = """
server=
stop() { if [ -n "$server" ]; then kill -TERM -- "-$server" || true; wait "$server" || true; server=; fi; }
trap stop EXIT
serve() {
    stop; local url=$1; shift
    setsid env "$@" & server=$!
    until curl --silent --fail --output /dev/null "$url"; do kill -0 "$server"; sleep 0.5; done
}
"""
# Where the documents name what only the reader has; months of the Kaggle data become those of the sample.
IN_PLACE_OF = {
    "VERSION=3": "VERSION=1",
    "2016-": "2022-",
    "2017-": "2023-",
    "curl ": "curl --fail-with-body --no-progress-meter ",
}
# Files that a page may write into the project's folder.
WRITTEN = ("crm.yaml", "api-keys.yaml")
BEFORE = {
    # A second version becomes the champion: the algorithm chosen on the sample does not depend on the seed.
    "docs/guides/promotion.md": "CRM_SEED=1 make run",
    "docs/operations/backup.md": "make stack",
}
NEEDS_A_RUN = ("guides/", "rest-api", "model-cards", "monitoring", "drift", "operations/metrics")


def main() -> int:
    """Run the pages and return how many failed."""
    parser = argparse.ArgumentParser(prog="python -m dev.run_docs", description="Run commands of documents.")
    parser.add_argument("pages", nargs="*", type=Path, help="the pages to run; all if none is given")
    parser.add_argument("--print", action="store_true", help="print what the commands print")
    arguments = parser.parse_args()
    given = arguments.pages
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
        failed = [page for page in chosen if not _run_page(page, work, dump, arguments.print)]
    finally:
        shutil.rmtree(work)
    left = [f"{where}: {why}" for page in chosen for where, why in left_out(blocks(page))]
    print("\n".join(["Not run:", *left]) if left else "Every command ran.")
    print(f"{len(failed)} of {len(chosen)} pages failed." if failed else f"All {len(chosen)} pages ran.")
    return len(failed)


def left_out(chosen: Iterable[Block]) -> Iterator[tuple[str, str]]:
    """Yield each block, with its number of commands, or command that does not run, and why."""
    for block in chosen:
        if block.not_run:
            yield f"{block.place} ({len(block.commands)})", block.not_run
            continue
        for line in block.commands:
            if why := _why_left_out(line):
                yield f"{block.place} {line}", why


def script(block: Block, place: Path, dump: Path, ports: Mapping[str, int]) -> str:
    """Return the commands of a block as they run: with our folders and months, and servers that end."""
    lines = [_served(line, ports) for line in block.commands if not _why_left_out(line)]
    text = "\n".join(lines)
    replaced = IN_PLACE_OF | {
        "path/to/folder": str(dump),
        "$PWD/.dagster_home": "$DAGSTER_HOME",
        "data/tables": str(place / "home" / "tables"),
        "CRM_HOME=data-": f"CRM_HOME={place}/home-",
        "/var/backups/crm": str(place / "backups"),
        **{f"127.0.0.1:{one.port}": f"127.0.0.1:{ports[one.variable]}" for one in SERVERS},
    }
    for theirs, ours in replaced.items():
        text = text.replace(theirs, ours)
    return text


def _served(line: str, ports: Mapping[str, int]) -> str:
    for one in SERVERS:
        if _bare(line).startswith(one.command):
            return f"serve http://127.0.0.1:{ports[one.variable]}{one.answers} {line}"
    return line


def _why_left_out(line: str) -> str:
    return next((why for start, why in LEFT_OUT.items() if _bare(line).startswith(start)), "")


def _bare(line: str) -> str:
    """Return a command without the variables before it."""
    return re.sub(r"^(?:[A-Z_]+=\S+ )*", "", line)


def _run_page(page: Path, work: Path, dump: Path, whole: bool) -> bool:
    todo = [block for block in blocks(page) if not block.not_run]
    if not todo:
        return True
    name = page.relative_to(ROOT).as_posix()
    place = work / name.replace("/", "-")
    place.mkdir()
    if name.removeprefix("docs/").startswith(NEEDS_A_RUN):
        shutil.copytree(_finished_run(work) / "home", place / "home")
    began = time.monotonic()
    ports = {one.variable: free_port() for one in SERVERS}
    commands = [SERVE, BEFORE.get(name, ""), *(script(block, place, dump, ports) for block in todo)]
    code, output = _run("\n".join(commands), place, ports)
    if (place / "stack").exists():
        _run("make stack-down", place)
    for file in WRITTEN:
        (ROOT / file).unlink(missing_ok=True)
    ended = f"ended with {code}" if code else "ran"
    print(f"{name}: {ended} after {time.monotonic() - began:.0f} s", flush=True)
    if code or whole:
        print("\n".join(output.splitlines()[0 if whole else -25 :]), flush=True)
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


def _run(commands: str, place: Path, ports: Mapping[str, int] | None = None) -> tuple[int, str]:
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
        **{variable: str(port) for variable, port in (ports or {}).items()},
    }
    done = subprocess.run(
        ["bash", "-e", "-c", commands],
        cwd=ROOT,
        env=mine | SAMPLE | own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


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
