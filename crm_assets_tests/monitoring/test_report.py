"""The page of a month: Evidently's distances are ours, and nothing leaves the machine."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from crm_assets.errors import SettingsError
from crm_assets.monitoring import report
from dev.place import ROOT

PAGE = """
import json, os, sys
connected = []

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        connected.append([event, str(arguments[1:])])

sys.addaudithook(watch)
import pyarrow as pa
from crm_assets.monitoring import report
from crm_assets.monitoring.drift import Population, judged
from crm_assets.monitoring.findings import drift_report
from crm_assets.monitoring.populations import sampled

months = [f"2023-{number:02d}" for number in range(3, 12)]
evil = "</script><script>alert(1)</script>"

def rows(month):
    names = ["a"] * 50 + ["b"] * 40 + ([evil] * 60 if month == months[-1] else ["c"] * 10) + [None] * 5
    sizes = [number % 50 for number in range(len(names))]
    gone = [None if month == months[-1] else "a"] * len(names)
    return sampled(pa.table({"name": names, "size": sizes, "gone": pa.array(gone, pa.string())}))

population = Population("open deals", {month: rows(month) for month in months})
verdicts = judged([population], months[-1])
table = drift_report(verdicts, months[-1])
page = report.html(verdicts, table, months[-1])
print(json.dumps({
    "same": page == report.html(verdicts, table, months[-1]),
    "connected": connected,
    "by evidently": report.distances(verdicts),
    "ours": {report.title(one): one.row["distance"] for one in verdicts if one.column != "gone"},
    "flagged": table.loc[table["flagged"], "column"].tolist(),
    "page": page,
}))
"""


def test_the_page_is_the_table_with_evidently_s_pictures_and_opens_no_socket() -> None:
    done = subprocess.run([sys.executable, "-c", PAGE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["connected"] == []
    # The same month gives the same bytes, although Evidently names the parts of its page at random.
    assert found["same"]
    # A field that the CRM stopped recording has nothing to draw, and is in the table.
    assert set(found["flagged"]) == {"name", "gone"}
    assert found["by evidently"] == pytest.approx(found["ours"], abs=1e-12)
    page = found["page"]
    assert "2 of 3 columns drifted: " in page
    assert "name (open deals)" in page
    # Names from the CRM stay text, in the table and in the data of the pictures.
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    # Everything that the page needs is in it.
    assert re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']?https?:", page) == []


def test_without_the_extra_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evidently", None)
    with pytest.raises(SettingsError, match="installs: run `make install`"):
        report.distances([])
