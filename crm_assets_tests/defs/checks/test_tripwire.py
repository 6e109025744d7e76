"""The tripwire in the graph: it stays silent on a clean sample, and names an admitted leak."""

from __future__ import annotations

from pathlib import Path

from crm_assets.sources.sample import SyntheticSample
from crm_assets_tests.chain import write_tables
from dev.dumps import account_missing_while_open, dump_of, rewritten
from dev.place import Place, place


def test_a_clean_sample_raises_no_alarm(sample_run: tuple[Place, str]) -> None:
    assert "collapsed" not in sample_run[1]


def test_an_admitted_leak_collapses_the_newest_month_and_is_named(tmp_path: Path) -> None:
    dump = rewritten(dump_of(SyntheticSample(2_000, seed=7)), "account", account_missing_while_open)
    write_tables(tmp_path / "crm", dump)
    there = place(tmp_path / "place", CRM_DATA_DIR=str(tmp_path / "crm"), CRM_ADMIT_FEATURES="has_account")
    done = there.python("-m", "crm_assets")
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert "The champion's scores have collapsed: the mean probability is 0.0" in said
    assert "in 2023-12 at the same age and season, and 0." in said
    assert "The features that explain most of it are has_account" in said
