"""The notebooks and the queries of the documents run on stored tables."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import pytest

from dev.notebooks import NOTEBOOKS
from dev.place import ROOT, Place

QUERIES = re.findall(
    r"^```sql\n(.*?)^```$", (ROOT / "docs/guides/duckdb.md").read_text(), re.MULTILINE | re.DOTALL
)


def test_the_notebooks_run_on_stored_tables_and_change_none(sample_run: tuple[Place, str]) -> None:
    there, _ = sample_run
    before = there.contents()
    done = there.python("-m", "dev.notebooks")
    assert done.returncode == 0, done.stderr
    results = there.folder / "home" / "notebooks"
    assert {path.name for path in results.iterdir()} == {path.name for path in NOTEBOOKS.glob("*.ipynb")}
    cells = [cell for path in results.iterdir() for cell in json.loads(path.read_text())["cells"]]
    shown = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    assert sum("image/png" in data for data in shown) >= 6
    assert there.contents() == before


def test_notebooks_are_stored_without_results() -> None:
    for path in NOTEBOOKS.glob("*.ipynb"):
        assert not [cell for cell in json.loads(path.read_text())["cells"] if cell.get("outputs")], path.name


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_every_query_of_the_documents_runs(
    query: str, sample_run: tuple[Place, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there, _ = sample_run
    monkeypatch.chdir(there.folder)
    answer = duckdb.sql(query.replace("data/tables", "home/tables").rstrip().rstrip(";"))
    if query.startswith("copy"):
        assert Path("open_deals.csv").read_text().count("\n") > 100
    elif "quarantined_rows" not in query:
        assert answer.fetchone()
