"""What pages are made from: ranked deals, risks, forecasts beside outcomes, calibration, own numbers."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from crm_assets.console import export
from crm_assets.crm.schema import RAW_QUOTAS
from crm_assets.dashboard import users
from crm_assets.errors import SettingsError
from crm_assets.insight.ages import age_facts
from crm_assets.insight.evidence import evidence
from crm_assets.insight.headline import headline
from crm_assets.insight.overrides import overrides, save
from crm_assets.insight.quotas import quotas, with_quotas
from crm_assets.insight.ranked import ranked, why
from crm_assets.insight.reading import Reader
from crm_assets.insight.risk import Limits, at_risk
from crm_assets.insight.scope import scope_of
from crm_assets.monitoring.reading import bias, calibration, judged, said_and_came
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore
from dev.place import Place

LAST, BEFORE = "2023-12", "2023-11"
LIMITS = (0.4, 0.2, 0.05)


@pytest.fixture(scope="module")
def reader(sample_run: tuple[Place, str], tmp_path_factory: pytest.TempPathFactory) -> Reader:
    home = sample_run[0].copy(tmp_path_factory.mktemp("looking") / "place")
    return Reader(TableStore(Folder(home.tables, tmp_path_factory.mktemp("scratch"))))


def test_ranked_deals_are_the_predictions_with_most_to_gain_first(reader: Reader) -> None:
    deals = ranked(reader, LAST, LIMITS)
    stored = reader.predictions(LAST)
    assert sorted(deals["opportunity_id"]) == sorted(stored["opportunity_id"])
    assert deals["worth"].is_monotonic_decreasing
    assert set(deals["trend"]) <= {"up", "down", "steady", "new"}
    reasons = why(reader, LAST, deals.head(20))
    assert reasons.str.contains("for it: |against it: ").all()
    assert reasons.str.contains(r"of [\d,]+ past deals open .* were won the month after").any()


def test_the_fact_of_an_age_uses_only_outcomes_that_were_known(reader: Reader) -> None:
    early, late = age_facts(reader, "2023-06"), age_facts(reader, LAST)
    assert 0 < sum(early.deals) < sum(late.deals)


def test_deals_at_risk_say_why(reader: Reader) -> None:
    deals = at_risk(reader, LAST, Limits(age=0.9, fall=0.05))
    assert (deals["risks"] > 0).all()
    assert deals["risk"].str.contains("longer than 90 % of won|chance fell from").all()
    assert at_risk(reader, LAST, Limits(age=1.0, fall=1.0)).shape[0] <= len(deals)


def test_what_came_is_what_was_won(reader: Reader) -> None:
    by_level = said_and_came(reader)
    rows = by_level["total"]
    deals = reader.snapshot(LAST, ("stage", "close_date", "close_value"))
    won = deals[(deals["stage"] == "Won") & (deals["close_date"].astype(str).str[:7] == LAST)]
    last = rows[rows["forecast_month"] == LAST].iloc[0]
    assert last["actual_wins"] == len(won)
    assert last["actual_revenue"] == pytest.approx(won["close_value"].sum())
    by_manager = by_level["manager"]
    sums = by_manager.groupby("forecast_month")["actual_wins"].sum()
    assert sums[LAST] == len(won)
    table = bias(by_manager)
    first = table.iloc[0]
    assert first["bias_wins"] == pytest.approx(first["expected_wins"] / first["actual_wins"] - 1)


def test_calibration_counts_every_deal_with_an_outcome_once(reader: Reader) -> None:
    rows = calibration(reader)
    months = [month for month in reader.months() if month < LAST]
    assert rows["deals"].sum() == sum(len(reader.predictions(month)) for month in months)
    assert rows["predicted"].is_monotonic_increasing
    assert isinstance(evidence(reader), tuple)


def test_a_manager_gets_own_totals_only(reader: Reader) -> None:
    name = sorted(reader.predictions(LAST)["manager"].unique())[0]
    own = reader.within(scope_of(f"manager:{name}"))
    forecast = reader.forecast(LAST)
    total = headline(own.forecast(LAST), own.scope)
    same = forecast[(forecast["level"] == "manager") & (forecast["name"] == name)]
    assert total["total_wins"].tolist() == same.sort_values("horizon_months")["total_wins"].tolist()
    both = scope_of("manager:" + ",".join(sorted(reader.predictions(LAST)["manager"].unique())))
    together = headline(reader.within(both).forecast(LAST), both)
    assert together["total_revenue_low"].isna().all()
    assert set(ranked(own, LAST, LIMITS)["manager"]) == {name}
    assert set(at_risk(own, LAST, Limits(age=0.5))["manager"]) <= {name}


def test_own_numbers_are_kept_in_scope_and_judged(reader: Reader, tmp_path: Path) -> None:
    first, second, *_ = sorted(reader.predictions(BEFORE)["manager"].unique())
    own = reader.within(scope_of(f"manager:{first}"))
    deal = own.predictions(BEFORE)["opportunity_id"].iloc[0]
    model = reader.predictions(BEFORE)["probability"].sum()
    save(own, BEFORE, "deal", deal, 0.9, "they called", "one")
    save(own, BEFORE, "manager", first, 1_000.0, "=1+1", "one")
    save(own, BEFORE, "manager", first, 2_000.0, "more", "one")
    save(reader, BEFORE, "total", "all deals", 5_000.0, "", "boss")
    for subject, name, number, said in (
        ("manager", second, 1.0, "is not among what you see"),
        ("total", "all deals", 1.0, "is not among what you see"),
        ("deal", deal, 1.5, "out of range"),
        ("manager", first, -1.0, "out of range"),
    ):
        with pytest.raises(SettingsError, match=said):
            save(own, BEFORE, subject, name, number, "", "one")
    assert overrides(own)["number"].tolist() == [0.9, 2_000.0]
    assert len(overrides(reader)) == 3
    assert overrides(reader.within(scope_of(f"manager:{second}"))).empty
    assert reader.predictions(BEFORE)["probability"].sum() == model
    rows = judged(reader).set_index("subject")
    came = said_and_came(reader)["total"].set_index("forecast_month")
    assert rows.loc["total", "came"] == pytest.approx(came.loc[LAST, "actual_revenue"])
    assert rows.loc["total", "model"] == pytest.approx(came.loc[LAST, "expected_revenue"])
    assert rows.loc["deal", "came"] in (0.0, 1.0)


def test_quotas_of_a_folder_stand_beside_the_forecast_of_their_names(
    reader: Reader, small_dump: Path
) -> None:
    own, other, *_ = sorted(reader.predictions(LAST)["manager"].unique())
    forecast = reader.forecast(LAST)
    team = forecast[forecast["level"] == "manager"]
    # Nobody has a quota yet, also among those that a manager sees.
    for looking in (reader, reader.within(scope_of(f"manager:{own}"))):
        assert "quota" not in with_quotas(looking, team, LAST)
    lines = ["month,name,quota", f"2024-01,{own},50000", f"2024-02,{own},60000", f"2024-01,{other},1000"]
    (small_dump / RAW_QUOTAS.file_name).write_text("\n".join([*lines, f"January,{own},7"]))
    read = CsvFolder(small_dump, "test").read(RAW_QUOTAS)
    reader.store.write(RAW_QUOTAS.name, read, RAW_QUOTAS.arrow)
    rows = with_quotas(reader, forecast[forecast["level"] == "manager"], LAST).set_index(
        ["horizon_months", "name"]
    )
    assert rows.loc[(1, own), "quota"] == 50_000
    assert rows.loc[(2, own), "quota"] == 110_000
    assert rows.loc[(1, own), "attainment"] == pytest.approx(rows.loc[(1, own), "total_revenue"] / 50_000)
    pipeline = reader.predictions(LAST).query("manager == @own")["expected_value"].sum()
    assert rows.loc[(1, own), "coverage"] == pytest.approx(pipeline / 50_000)
    # A horizon with a month without a quota has none.
    assert pd.isna(rows.loc[(3, own), "quota"])
    assert set(quotas(reader.within(scope_of(f"manager:{own}")))["name"]) == {own}


def test_who_writes_a_file_or_adds_a_person_is_told_what_came_of_it(
    sample_run: tuple[Place, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("xlsxwriter", reason="the extra `dashboard` is not installed")
    there, _ = sample_run
    for name, value in there.settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CRM_HOME", str(there.folder / "home"))
    monkeypatch.setenv("CRM_DASHBOARD_USERS", str(tmp_path / "users.yaml"))
    manager = there.frame("win_predictions", LAST)["manager"].min()
    monkeypatch.setattr(sys, "argv", ["export", "--manager", manager.upper(), "--folder", str(tmp_path)])
    assert export.main() == 0
    assert (tmp_path / f"forecast-2024-01-as-of-{LAST}-{manager.replace(' ', '_')}.xlsx").exists()
    said = capsys.readouterr().out
    assert re.search(
        r"\d+ wins and [\d,]+ USD in 2024-01: \d+ from \d+ open deals, \d+ from deals not open", said
    )
    for scope, doubts in ((f"manager:{manager}", False), (f"manager:{manager},Nobody", True)):
        monkeypatch.setattr(sys, "argv", ["users", "ann", scope])
        monkeypatch.setattr(sys, "stdin", io.StringIO("correct horse battery\n"))
        assert users.main() == 0
        said = capsys.readouterr()
        assert "CRM_DASHBOARD_LOGIN=password make dashboard" in said.out
        assert ("No deal belongs to Nobody" in said.err) == doubts
