"""The leak audit rules out features that reveal the outcome, and no others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from crm_assets.crm.feature_table import FEATURE_NAMES
from crm_assets.crm.tables import LEAK_AUDIT
from crm_assets.errors import StorageError
from crm_assets.modeling.column_audit import Window, audit_columns, engaged_deals
from crm_assets.modeling.leak_audit import COLUMNS, admissible_features, leak_audit
from crm_assets.modeling.leak_evidence import traces
from crm_assets.modeling.plots import leak_evidence
from crm_assets.modeling.training_rows import HeldRows
from crm_assets.modeling.verdicts import ADMISSIBLE, INADMISSIBLE, MAX_UNPROVEN_PRICE, UNPROVEN
from crm_assets.sources.sample import SyntheticSample
from crm_assets_tests.chain import cleaned
from crm_assets_tests.modeling.conftest import ACCOUNT_FEATURES, SEED, Training
from dev.confounders import CONFOUNDERS
from dev.leaks import LEAKS, Kind
from dev.more_confounders import MORE_HONEST
from dev.more_leaks import MORE_LEAKS


def convicted(audit: pd.DataFrame) -> list[str]:
    return audit.loc[audit["verdict"] == INADMISSIBLE, "feature"].tolist()


def audit_of(training: Training, table: pd.DataFrame, deals: pd.DataFrame | None = None) -> pd.DataFrame:
    known = training.deals if deals is None else deals
    return leak_audit(
        HeldRows(table), known, training.chain.horizon, validation=training.split.validation, seed=SEED
    )


def test_on_the_real_dump_what_comes_from_the_account_is_inadmissible_and_nothing_else(
    real: Training,
) -> None:
    assert convicted(real.audit) == ACCOUNT_FEATURES
    assert real.features == [name for name in FEATURE_NAMES if name not in ACCOUNT_FEATURES]
    audit = real.audit.set_index("feature")
    assert audit.loc[ACCOUNT_FEATURES, "reason"].str.contains("column account, ").all()
    rest = audit.drop(ACCOUNT_FEATURES)
    assert rest["reason"].eq("").all()
    assert rest["verdict"].eq(ADMISSIBLE).all()


def test_the_account_of_the_real_dump_shows_its_slope_and_its_price(real: Training) -> None:
    shown = real.audit.set_index("feature").loc[ACCOUNT_FEATURES]
    assert set(shown["column"]) == {"account"}
    assert set(shown["level"]) == {"missing"}
    assert ((shown["slope"] - 1).abs() < shown["error"]).all()
    assert (shown["error"] < 0.1).all()
    assert (shown["auc_with"] - shown["auc_without"] > 0.05).all()
    assert (shown["brier_with"] < shown["brier_without"]).all()
    assert real.audit.set_index("feature")["auc_with"].drop(ACCOUNT_FEATURES).isna().all()


def test_on_a_dump_whose_accounts_are_complete_everything_is_admissible(complete: Training) -> None:
    assert convicted(complete.audit) == []
    assert complete.features == list(FEATURE_NAMES)


def test_on_a_sample_where_accounts_are_missing_at_random_everything_is_admissible(sample: Training) -> None:
    assert sample.deals["account"].isna().any()
    assert convicted(sample.audit) == []


@pytest.mark.parametrize("never_closing", [np.nan, 0.0])
def test_a_feature_that_holds_the_later_close_value_is_marked_alone(
    complete: Training, never_closing: float
) -> None:
    value = complete.deals.set_index("opportunity_id")["close_value"].astype("float64").fillna(never_closing)
    table = complete.table.assign(list_price=complete.table["opportunity_id"].map(value))
    assert convicted(audit_of(complete, table)) == ["list_price"]


def test_a_missing_account_cannot_hide_behind_a_zero(real: Training) -> None:
    table = real.table.assign(account_closed_deals=real.table["account_closed_deals"].fillna(0))
    assert convicted(audit_of(real, table)) == ACCOUNT_FEATURES


def test_a_feature_that_is_null_for_one_side_only_is_convicted_without_a_guilty_source(
    complete: Training,
) -> None:
    closes = complete.deals.set_index("opportunity_id")["close_date"].notna()
    telling = complete.table["opportunity_id"].map(closes)
    table = complete.table.assign(manager=complete.table["manager"].where(telling))
    audit = audit_of(complete, table)
    assert convicted(audit) == ["manager"]
    assert audit.set_index("feature").loc["manager", "reason"].startswith("alone ranks closing later")


def test_what_a_feature_gives_away_convicts_its_column_and_all_that_is_made_from_it(
    complete: Training,
) -> None:
    won = complete.deals.set_index("opportunity_id")["stage"].eq("Won")
    table = complete.table.assign(
        sales_agent=np.where(complete.table["opportunity_id"].map(won), "An Owner", "The Queue")
    )
    audit = audit_of(complete, table)
    made_from_it = audit.loc[audit["feature"].map(lambda name: "sales_agent" in COLUMNS[name]), "feature"]
    assert convicted(audit) == made_from_it.tolist()
    assert {"sales_agent", "manager", "agent_win_rate", "agent_closed_deals"} <= set(made_from_it)
    assert "as is sales_agent, which alone ranks" in audit.set_index("feature").loc["manager", "reason"]


def test_what_the_months_cannot_tell_is_unproven_and_stays_out_unless_an_operator_admits_it(
    sample: Training,
) -> None:
    # A rating that is hot for all that is won and cold for all that is lost: closed deals together look like
    # open ones, so no month tells whether it was known before.
    kind = next(kind for kind in LEAKS if kind.name.startswith("rating swapped"))
    column, deals = kind.make(dated(sample.deals), np.random.default_rng(0))
    table = sample.table.assign(
        **{column: sample.table["opportunity_id"].map(deals.set_index("opportunity_id")[column])}
    )
    audit = audit_of(sample, table, deals)
    row = audit.set_index("feature").loc[column]
    assert row["verdict"] == UNPROVEN
    assert row["auc_with"] - row["auc_without"] > MAX_UNPROVEN_PRICE
    assert not row["used"]
    admitted = leak_audit(HeldRows(table), deals, sample.chain.horizon, admit=[column]).set_index("feature")
    assert admitted.loc[column, "used"]
    # Without months to price it on nothing is known against using it.
    unpriced = leak_audit(HeldRows(table), deals, sample.chain.horizon).set_index("feature")
    assert unpriced.loc[column, "used"]


def test_values_missing_at_random_convict_nobody(complete: Training) -> None:
    missing = np.random.default_rng(1).random(len(complete.table)) < 0.3
    table = complete.table.assign(manager=complete.table["manager"].mask(missing))
    assert convicted(audit_of(complete, table)) == []


def test_what_closes_after_the_horizon_counts_as_never_closed(real: Training) -> None:
    rows = HeldRows(real.table[real.table["snapshot_month"] <= "2017-08"])
    deals = real.deals.copy()
    after = deals["close_date"].notna() & (pd.to_datetime(deals["close_date"]) > "2017-10-31")
    deals.loc[after, ["close_date", "close_value"]] = None
    deals.loc[after, "stage"] = "Engaging"
    assert_frame_equal(leak_audit(rows, real.deals, "2017-10"), leak_audit(rows, deals, "2017-10"))


def test_operators_overrule_verdicts_and_the_audit_says_so(real: Training) -> None:
    audit = leak_audit(
        real.rows,
        real.deals,
        real.chain.horizon,
        admit=["sector", "product"],
        exclude=["manager", "has_account"],
        validation=real.split.validation,
        seed=SEED,
    ).set_index("feature")
    assert audit.index[audit["overruled"]].tolist() == ["manager", "sector"]
    assert audit["used"][["sector", "product", "manager", "has_account"]].tolist() == [
        True,
        True,
        False,
        False,
    ]
    # The verdict itself still follows from the data.
    assert audit["verdict"].tolist() == real.audit["verdict"].tolist()
    assert audit.index[audit["used"]].tolist() == [
        name for name in FEATURE_NAMES if name in {*real.features, "sector"} - {"manager"}
    ]
    assert admissible_features(audit.reset_index()) == audit.index[audit["used"]].tolist()


def test_the_order_of_rows_changes_no_verdict_and_no_figure(real: Training) -> None:
    shuffled = leak_audit(
        HeldRows(real.table.sample(frac=1, random_state=3)),
        real.deals.sample(frac=1, random_state=4),
        real.chain.horizon,
        validation=real.split.validation,
        seed=SEED,
    )
    assert_frame_equal(shuffled, real.audit)


def test_deals_that_are_gone_are_told_with_a_sentence(sample: Training) -> None:
    with pytest.raises(StorageError, match=r"^\d+ rows of training_set are about deals .* again\.$"):
        leak_audit(sample.rows, sample.deals.iloc[1:], sample.chain.horizon)


def test_the_audit_is_a_table_of_its_schema(real: Training) -> None:
    store = real.chain.store
    assert set(real.audit.columns) == set(LEAK_AUDIT.names)
    assert store.write("leak_audit", real.audit, LEAK_AUDIT.arrow) == len(FEATURE_NAMES)


def test_a_handful_of_deals_is_no_evidence(real: Training) -> None:
    few = real.table[real.table["snapshot_month"] == "2017-03"].head(30)
    deals = real.deals[real.deals["opportunity_id"].isin(few["opportunity_id"])]
    assert convicted(leak_audit(HeldRows(few), deals, real.chain.horizon)) == []


def test_the_evidence_follows_what_rewriting_predicts(real: Training) -> None:
    (trace,) = traces(real.audit, real.deals, real.chain.horizon)
    assert (trace.column, trace.level, trace.window) == ("account", "missing", Window(0))
    months = trace.months
    assert months["month"].tolist()[::14] == ["2016-10", "2017-12"]
    assert months["open_rate"].dropna().between(0.4, 0.8).all()
    assert months[["won_rate", "lost_rate"]].fillna(0).eq(0).all(axis=None)
    miss = {
        name: (months["share"] - months[name]).abs().mean()
        for name in ("if_written_at_closing", "if_there_from_the_start")
    }
    assert miss["if_written_at_closing"] < 0.2 * miss["if_there_from_the_start"]
    assert leak_evidence(trace).startswith(b"\x89PNG")
    assert leak_evidence(trace) == leak_evidence(trace)


def dated(deals: pd.DataFrame) -> pd.DataFrame:
    return deals.assign(**{name: pd.to_datetime(deals[name]) for name in ("engage_date", "close_date")})


@pytest.fixture(scope="module")
def cleaned_sample() -> pd.DataFrame:
    return dated(cleaned(SyntheticSample(8_800, 7)).to_pandas())


# What adds too little to be worth a conviction, and what the months cannot tell.
UNSEEN = (
    "employees of customers alone, 800 accounts",
    "rating swapped both ways at closing",
    "revenue of most customers, 2,000 accounts",
    "account required at closing, of later deals",
    "forecast category set at closing",
)
SEEN = [kind for kind in (*LEAKS, *MORE_LEAKS) if kind.name not in UNSEEN]


def verdict_of(kind: Kind, deals: pd.DataFrame) -> list[str]:
    column, changed = kind.make(deals, np.random.default_rng(list(kind.name.encode())))
    looked_at = audit_columns(changed[[column]], engaged_deals(changed, "2023-12"))
    return looked_at["verdict"].unique().tolist()


@pytest.mark.parametrize("kind", SEEN, ids=lambda kind: kind.name)
def test_what_is_written_at_closing_is_convicted(kind: Kind, cleaned_sample: pd.DataFrame) -> None:
    assert INADMISSIBLE in verdict_of(kind, cleaned_sample)


@pytest.mark.parametrize("kind", [*CONFOUNDERS, *MORE_HONEST], ids=lambda kind: kind.name)
def test_what_was_there_from_the_start_is_not_convicted(kind: Kind, cleaned_sample: pd.DataFrame) -> None:
    assert INADMISSIBLE not in verdict_of(kind, cleaned_sample)
