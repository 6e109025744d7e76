"""Scores go back to the CRM: as files by default, through its interface if asked, and only what changed."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from crm_assets.crm.tables import WIN_FEATURES, WIN_PREDICTIONS
from crm_assets.crm.targets import TARGETS
from crm_assets.errors import SettingsError, SourceUnavailableError
from crm_assets.insight.reading import Reader
from crm_assets.settings import get_settings
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore
from crm_assets.writeback.run import Written, write_back
from crm_assets.writeback.targets import CRMS, target
from dev.crm_servers import TOKEN, Crm, crm_server

MONTH = "2017-12"
DEALS = 250
WITH_INTERFACE = ("salesforce", "hubspot", "dynamics")
Run = Callable[..., Written]


def deal_id(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def predictions(changed: int = -1) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for number in range(DEALS):
        chance = 0.5 if number == changed else 0.3
        rows.append(
            {
                "snapshot_month": MONTH,
                "opportunity_id": deal_id(number),
                "sales_agent": "=Ann",
                "days_open": 10,
                "probability": chance,
                **{f"probability_{target.months}_months": chance for target in TARGETS[1:]},
                "probability_ever": 0.9,
                "expected_value": 100.0,
                "expected_revenue": 100 * chance,
                "pushed_up": [{"feature": "days_open", "value": "10", "contribution": 0.5}],
                "pushed_down": [],
                "scored_by": "champion",
                "algorithm": "closing_hazard",
                "model_version": "1",
            }
        )
    return pd.DataFrame(rows)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TableStore:
    monkeypatch.setenv("CRM_HOME", str(tmp_path / "home"))
    made = TableStore(Folder(tmp_path / "home" / "tables"))
    made.write("win_predictions", predictions(), WIN_PREDICTIONS.arrow, MONTH)
    features = predictions()[["snapshot_month", "opportunity_id", "days_open"]]
    kept = [name for name in WIN_FEATURES.names if name not in WIN_FEATURES.optional]
    empty = features.reindex(columns=kept).assign(
        is_subsidiary=False, has_account=False, engage_day_of_week=0, month_of_quarter=1
    )
    made.write("win_features", empty, WIN_FEATURES.arrow, MONTH)
    return made


@pytest.fixture
def run(store: TableStore) -> Run:
    return lambda crm, send=False: write_back(get_settings(), Reader(store), crm, send)


@pytest.fixture
def crm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crm]:
    with crm_server() as server:
        for name in WITH_INTERFACE:
            monkeypatch.setenv(f"{name.upper()}_URL", server.address)
            monkeypatch.setenv(f"{name.upper()}_TOKEN", TOKEN)
        yield server


@pytest.mark.parametrize("name", CRMS)
def test_a_dry_run_writes_the_import_file_and_sends_nothing(run: Run, crm: Crm, name: str) -> None:
    done = run(name)
    assert (done.changed, done.sent, crm.requests) == (DEALS, 0, 0)
    with done.file.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(target(name).columns)
    assert len(rows) == DEALS
    # Nothing was sent, so the next run has the same deals.
    assert run(name).changed == DEALS


@pytest.mark.parametrize("name", WITH_INTERFACE)
def test_only_what_changed_is_sent(run: Run, crm: Crm, store: TableStore, name: str) -> None:
    done = run(name, send=True)
    assert (done.sent, len(crm.scores), done.refused) == (DEALS, DEALS, [])
    before = crm.requests
    assert (run(name, send=True).changed, crm.requests) == (0, before)
    store.write("win_predictions", predictions(changed=7), WIN_PREDICTIONS.arrow, MONTH)
    assert (run(name, send=True).sent, crm.requests) == (1, before + 1)
    told = list(crm.scores[deal_id(7)].values())
    assert 50 in told or "50" in told


@pytest.mark.parametrize("name", WITH_INTERFACE)
def test_a_run_that_was_interrupted_goes_on(run: Run, crm: Crm, name: str) -> None:
    crm.stops_after = 1
    with pytest.raises(SourceUnavailableError, match=r"answers 503\. What it took so far is recorded"):
        run(name, send=True)
    taken = len(crm.scores)
    assert 0 < taken < DEALS
    crm.stops_after, first = None, crm.requests
    done = run(name, send=True)
    # What one batch of Dynamics took before it stopped is sent again: a score is the same twice.
    assert DEALS - taken <= done.sent <= DEALS
    assert len(crm.scores) == DEALS
    assert crm.requests > first


@pytest.mark.parametrize("name", WITH_INTERFACE)
def test_a_busy_crm_is_asked_again_and_what_it_does_not_take_is_told(run: Run, crm: Crm, name: str) -> None:
    crm.answers = [429, 503]
    crm.deals = {deal_id(number) for number in range(DEALS - 2)}
    done = run(name, send=True)
    assert done.sent == DEALS - 2
    assert {one.id for one in done.refused} == {deal_id(DEALS - 2), deal_id(DEALS - 1)}
    # The two are tried again next time.
    assert run(name, send=True).changed == 2


@pytest.mark.parametrize("name", WITH_INTERFACE)
def test_a_deal_that_the_crm_minds_keeps_no_other_back(run: Run, crm: Crm, name: str) -> None:
    crm.poison = {deal_id(3), deal_id(DEALS - 1)}
    done = run(name, send=True)
    assert ({one.id for one in done.refused}, done.sent) == (crm.poison, DEALS - 2)
    assert all("400" in one.why for one in done.refused)


@pytest.mark.parametrize("name", ["salesforce", "hubspot"])
def test_a_crm_that_takes_none_is_not_asked_for_each_deal(run: Run, crm: Crm, name: str) -> None:
    crm.poison = {"0000"}
    with pytest.raises(SourceUnavailableError, match=r"answers 400: .* It took no deal\. Check that"):
        run(name, send=True)
    assert crm.requests < 30


def test_another_crm_of_the_same_kind_gets_all_deals(
    run: Run, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("hubspot", send=True).sent == DEALS
    with crm_server() as production:
        monkeypatch.setenv("HUBSPOT_URL", production.address)
        assert (run("hubspot", send=True).sent, len(production.scores)) == (DEALS, DEALS)
        assert run("hubspot", send=True).changed == run("hubspot").changed == 0


def test_what_is_missing_is_a_sentence(run: Run, crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"no write-back to 'sap'; name one of dynamics, hubspot"):
        run("sap")
    with pytest.raises(SettingsError, match="odoo takes files only"):
        run("odoo", send=True)
    monkeypatch.setenv("HUBSPOT_TOKEN", "wrong")
    with pytest.raises(
        SourceUnavailableError, match=r"hubspot refuses the token \(401\): check HUBSPOT_TOKEN"
    ):
        run("hubspot", send=True)
    monkeypatch.setenv("SALESFORCE_URL", "http://example.com")
    with pytest.raises(SettingsError, match="Set SALESFORCE_URL to the address of salesforce, https"):
        run("salesforce", send=True)
    monkeypatch.delenv("DYNAMICS_TOKEN")
    with pytest.raises(SettingsError, match="Set DYNAMICS_TOKEN"):
        run("dynamics", send=True)


def test_a_ledger_that_was_cut_off_writes_that_deal_again(run: Run, crm: Crm) -> None:
    done = run("hubspot", send=True)
    ledger = done.file.with_suffix(".jsonl")
    ledger.write_bytes(ledger.read_bytes()[:-5])
    assert run("hubspot", send=True).sent == 1
    assert run("hubspot", send=True).changed == 0
