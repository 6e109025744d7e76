"""The recipe "Add a rule": source, quarantine and gate all judge by the same new row."""

from __future__ import annotations

import json
from pathlib import Path

from crm_assets_tests.recipes.scratch import scratch_copy

AFTER = "    RAW_ACCOUNTS.name: (\n"
ROW = """        Between(
            name="revenue_believable",
            column="revenue",
            high=1e9,
            what="is more than all companies of the world earn",
            remedy="write the revenue in million USD",
        ),
"""
JUDGE = """
import json, sys
from pathlib import Path
import pyarrow as pa
from crm_assets.crm.schema import RAW_ACCOUNTS
from crm_assets.defs.checks.evaluate import evaluate
from crm_assets.defs.checks.raw import SUITES
from crm_assets.errors import BadInputError
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore

folder = Path(sys.argv[1])
try:
    CsvFolder(folder, "test").take(RAW_ACCOUNTS)
    sentence = ""
except BadInputError as error:
    sentence = str(error)
aside = CsvFolder(folder, "test", quarantines=True).take(RAW_ACCOUNTS)[RAW_ACCOUNTS.name].quarantined

store = TableStore(Folder(folder / "tables"))
revenues = {"Known": 5.0, "Odd": 2e9}
rows = [{"account": name, "revenue": r, "source_row": n} for n, (name, r) in enumerate(revenues.items(), 2)]
store.write(RAW_ACCOUNTS.name, pa.Table.from_pylist(rows, RAW_ACCOUNTS.arrow), RAW_ACCOUNTS.arrow)
suite = next(suite for suite in SUITES if suite.table is RAW_ACCOUNTS)
broken = [
    (outcome.rule, outcome.expectation, [row["account"] for row in outcome.examples])
    for limit in (10**9, -1)
    for outcome in evaluate(store, (suite,), None, limit=limit).broken("must")
]
print(json.dumps({"sentence": sentence, "aside": aside.to_pylist(), "broken": broken}))
"""


def test_a_rule_takes_one_place(small_dump: Path, tmp_path: Path) -> None:
    scratch = scratch_copy(tmp_path / "project")
    scratch.edit("crm_assets/crm/raw_rules.py", (AFTER, f"{AFTER}{ROW}"))
    assert scratch.changed() == {"crm_assets/crm/raw_rules.py"}

    accounts = small_dump / "accounts.csv"
    lines = accounts.read_text().splitlines()
    at = lines[0].replace('"', "").split(",").index("revenue")
    fields = lines[4].split(",")
    fields[at] = "2000000000"
    accounts.write_text("\n".join([*lines[:4], ",".join(fields), *lines[5:]]))

    done = scratch.python("-c", JUDGE, str(small_dump))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["sentence"] == (
        "accounts.csv, column revenue, row 5: '2000000000' is more than all companies of the world earn; "
        "write the revenue in million USD."
    )
    (aside,) = found["aside"]
    assert (aside["source_row"], aside["rule"], aside["value"]) == (5, "revenue_believable", "2000000000")
    # great-expectations checks the rows, and a query checks them again.
    assert found["broken"] == [["revenue_believable", "ExpectColumnValuesToBeBetween", ["Odd"]]] * 2

    done = scratch.tests("crm_assets_tests/crm/test_rules.py")
    assert done.returncode == 0, done.stdout + done.stderr
