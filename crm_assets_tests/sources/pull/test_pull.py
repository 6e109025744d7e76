"""A pull brings a CRM's records into files that its preset reads; interfaces are served on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import pytest

from crm_assets.console.check_data import look
from crm_assets.crm.schema import RAW_SALES_PIPELINE
from crm_assets.errors import SettingsError, SourceUnavailableError
from crm_assets.settings import Settings, get_settings
from crm_assets.sources.pull.api import CRMS
from crm_assets.sources.pull.pull import pull
from crm_assets.sources.select import select_source
from crm_assets_tests.sources.pull.interfaces import DEALS, GIVEN, INTERFACES, served


def given(monkeypatch: pytest.MonkeyPatch, credentials: dict[str, str]) -> None:
    for name, value in credentials.items():
        monkeypatch.setenv(name, value)


def test_every_crm_that_can_be_pulled_is_tested() -> None:
    assert (
        set(INTERFACES) == set(CRMS) == set(get_args(get_args(Settings.model_fields["pull"].annotation)[0]))
    )


@pytest.mark.parametrize("crm", INTERFACES)
def test_a_pull_brings_every_page_and_its_files_go_through_the_preset(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, crm: str
) -> None:
    pytest.importorskip("dlt")
    given(monkeypatch, INTERFACES[crm].credentials)
    told: dict[str, int] = {}
    with served(INTERFACES[crm]) as address:
        pull(crm, tmp_path / "pulled", lambda name, rows: told.update({name: rows}), base_url=address)
    assert told.get("deals", told.get("Opportunity")) == DEALS
    assert not list((tmp_path / "pulled").glob(".pull-*"))
    monkeypatch.setenv("CRM_DATA_DIR", str(tmp_path / "pulled"))
    monkeypatch.setenv("CRM_MAPPING", crm)
    get_settings.cache_clear()
    deals = select_source(get_settings()).read(RAW_SALES_PIPELINE)
    assert deals.num_rows == DEALS
    names = ("sales_agent", "account", "deal_stage", "stage_position", "amount")
    rows = [tuple(row[name] for name in names) for row in deals.slice(0, 2).to_pylist()]
    assert rows[0] == ("Ann Lee", "Acme", "Won", None, 100.5)
    assert rows[1][:3] == ("Ann Lee", "Acme", "Engaging")
    assert rows[1][3] is not None


@pytest.mark.parametrize("crm", INTERFACES)
def test_a_token_that_is_refused_is_told_and_leaves_the_former_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, crm: str
) -> None:
    pytest.importorskip("dlt")
    says = {"salesforce": r"salesforce refuses the credentials \(400\): check SALESFORCE_CLIENT_ID, "}
    says = says.get(crm, rf"{crm} refuses to give deals \(401\): check the token")
    (tmp_path / "deals.csv").write_text("before")
    given(monkeypatch, dict.fromkeys(INTERFACES[crm].credentials, "another-token"))
    with served(INTERFACES[crm]) as address, pytest.raises(SourceUnavailableError, match=says) as told:
        pull(crm, tmp_path, lambda name, rows: None, base_url=address)
    assert "another-token" not in str(told.value)
    assert (tmp_path / "deals.csv").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["deals.csv"]


def test_an_interface_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("dlt")
    monkeypatch.setenv("PIPEDRIVE_TOKEN", GIVEN)
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "1")
    with served(INTERFACES["pipedrive"]) as address:
        closed = address
    with pytest.raises(SourceUnavailableError, match="cannot be reached for deals; check the network"):
        pull("pipedrive", tmp_path, lambda name, rows: None, base_url=closed)


def test_a_pull_without_a_token_or_from_another_crm_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HUBSPOT_TOKEN", raising=False)
    with pytest.raises(SettingsError, match="A pull from hubspot needs HUBSPOT_TOKEN"):
        pull("hubspot", tmp_path, lambda name, rows: None)
    with pytest.raises(
        SettingsError, match=r"There is no pull from 'odoo'; name hubspot or pipedrive or salesforce"
    ):
        pull("odoo", tmp_path, lambda name, rows: None)


def test_a_pull_without_dlt_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HUBSPOT_TOKEN", GIVEN)
    for name in ("dlt", "dlt.extract.exceptions", "dlt.sources.rest_api"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        SettingsError, match=r"A pull needs dlt, an extra of this project: run `make install`"
    ):
        pull("hubspot", tmp_path, lambda name, rows: None)
    assert list(tmp_path.iterdir()) == []


def test_the_files_of_kinds_that_bring_no_records_any_more_go(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("dlt")
    given(monkeypatch, INTERFACES["hubspot"].credentials)
    for name in ("line_items", "notes"):
        (tmp_path / f"{name}.csv").write_text("of the last pull")
    with served(INTERFACES["hubspot"]) as address:
        pull("hubspot", tmp_path, lambda name, rows: None, base_url=address)
    assert not (tmp_path / "line_items.csv").exists()
    assert (tmp_path / "notes.csv").exists()


def test_credentials_go_to_a_protected_address_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given(monkeypatch, INTERFACES["salesforce"].credentials)
    monkeypatch.setenv("SALESFORCE_INSTANCE_URL", "http://company.example.com")
    with pytest.raises(
        SettingsError, match=r"SALESFORCE_INSTANCE_URL=http://company\.example\.com is no address"
    ):
        pull("salesforce", tmp_path, lambda name, rows: None)


def test_a_source_of_pulled_files_goes_through_the_preset_and_is_told_before_the_first_pull(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CRM_PULL", "hubspot")
    monkeypatch.setenv("CRM_HOME", str(tmp_path))
    get_settings.cache_clear()
    source = select_source(get_settings())
    assert "CRM_PULL=hubspot; mapped by the preset hubspot" in source.description
    assert str(tmp_path / "pulled" / "hubspot") in source.description
    with pytest.raises(SourceUnavailableError, match=r"no pulled files yet: run `make pull CRM=hubspot` or"):
        look(get_settings(), source)
