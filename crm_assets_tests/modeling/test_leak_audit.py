"""The leak audit rules out features that reveal the outcome, and no others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from crm_assets.crm.feature_table import FEATURE_NAMES
from crm_assets.crm.tables import LEAK_AUDIT
from crm_assets.errors import StorageError
from crm_assets.modeling.leak_audit import admissible_features, leak_audit
from crm_assets.modeling.training_rows import HeldRows
from crm_assets.modeling.verdicts import INADMISSIBLE
from crm_assets_tests.modeling.conftest import ACCOUNT_FEATURES, Training


def convicted(audit: pd.DataFrame) -> list[str]:
    return audit.loc[audit["verdict"] == INADMISSIBLE, "feature"].tolist()


def audit_of(training: Training, table: pd.DataFrame) -> pd.DataFrame:
    return leak_audit(HeldRows(table), training.deals, training.chain.horizon)


def test_on_the_real_dump_what_comes_from_the_account_is_inadmissible_and_nothing_else(
    real: Training,
) -> None:
    assert convicted(real.audit) == ACCOUNT_FEATURES
    assert real.features == [name for name in FEATURE_NAMES if name not in ACCOUNT_FEATURES]
    reasons = real.audit.set_index("feature")["reason"]
    assert reasons[ACCOUNT_FEATURES].str.contains("column account, ").all()
    assert reasons.drop(ACCOUNT_FEATURES).eq("").all()


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
    assert audit.set_index("feature").loc["manager", "reason"].startswith("null on 0.0% of the deals")


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
    assert convicted(audit_of(real, few)) == []
