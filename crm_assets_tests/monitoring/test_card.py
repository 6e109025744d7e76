"""What a model card says, and that names from a CRM cannot change it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest

from crm_assets.crm.feature_table import FEATURE_NAMES
from crm_assets.modeling.champion import Candidate
from crm_assets.modeling.promotion import Rival, Verdict
from crm_assets.modeling.training_rows import HeldRows
from crm_assets.modeling.verdicts import INADMISSIBLE, UNPROVEN
from crm_assets.monitoring import slices
from crm_assets_tests.registry import deals

ODD = "a|b\n# <script>alert(1)</script> [x](javascript:y)"
FIRST = Verdict(True, "There was no champion.")


@pytest.fixture(scope="module")
def made() -> tuple[Candidate, HeldRows]:
    table = deals.training_rows().table
    table["product"] = table["product"].replace("south", ODD)
    rows = HeldRows(table)
    return deals.candidate(rows, "logistic_regression"), rows


def section(text: str, title: str) -> str:
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0]


def cells(text: str) -> list[list[str]]:
    """Return the rows of the last table of a text."""
    lines = text.strip().split("\n\n")[-1].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_the_same_training_gives_the_same_bytes(made: tuple[Candidate, HeldRows]) -> None:
    write = deals.card_of(*made)
    assert write("1", FIRST, None) == write("1", FIRST, None)


def test_every_feature_and_month_that_the_model_uses_is_named(made: tuple[Candidate, HeldRows]) -> None:
    text = deals.card_of(*made)("1", FIRST, None).text
    audit, metrics = section(text, "Leak audit"), section(text, "Metrics")
    assert {name for name in FEATURE_NAMES if f"`{name}`" in audit} == set(FEATURE_NAMES)
    assert [m for m in deals.SPLIT.scored if f"| {m} |" not in metrics] == []
    assert "synthetic" in text


def test_slices_add_up_to_the_deals_of_the_test_months(made: tuple[Candidate, HeldRows]) -> None:
    text = deals.card_of(*made)("1", FIRST, None).text
    found = cells(section(text, "Slices"))
    sums: Counter[str] = Counter()
    for row in found:
        assert len(row) == 8, row
        sums[row[0]] += int(row[2].replace(",", ""))
    everything = len(deals.SPLIT.test) * deals.DEALS_A_MONTH
    names = [name.replace("_", " ") for name in slices.columns(made[1])]
    assert sums == dict.fromkeys(names, everything)
    assert "sales agent" not in sums
    # A third of 200 deals has fewer than 60 of either outcome.
    assert any("small" in row[-1] for row in found)


def test_names_of_a_crm_stay_within_their_cell(made: tuple[Candidate, HeldRows]) -> None:
    text = deals.card_of(*made)("1", FIRST, None).text
    assert r"a\|b \# \<script\>alert(1)\</script\> \[x\](javascript:y)" in text
    assert "<script>" not in text


def test_a_category_that_the_audit_keeps_out_has_no_slices(made: tuple[Candidate, HeldRows]) -> None:
    candidate, rows = made
    without = replace(candidate, features=[name for name in candidate.features if name != "sector"])
    text = deals.card_of(without, rows, deals.audit(sector=INADMISSIBLE))("1", FIRST, None).text
    assert "out of the model: `sector`" in section(text, "Slices")
    assert "| sector |" not in text
    assert "| `sector` | inadmissible | no |" in section(text, "Leak audit")


def test_doubt_is_a_known_limit(made: tuple[Candidate, HeldRows]) -> None:
    verdicts = deals.audit(manager=UNPROVEN).assign(used=True)
    limits = section(deals.card_of(*made, verdicts)("1", FIRST, None).text, "Known limits")
    assert "the audit cannot tell whether closing writes them: `manager`" in limits
    assert "outcome of any January or August" in limits


def test_the_champion_before_it_is_compared(made: tuple[Candidate, HeldRows]) -> None:
    test = made[0].seasonal_test
    former = Rival("7", [], "", same_deals=True, test=test)
    text = deals.card_of(*made)("8", Verdict(False, "It is worse."), former).text
    assert "Version 7, the champion before it, on the same test months: roc auc" in text
    assert "It did not become champion: It is worse." in text
    assert "make promote VERSION=8" in text
