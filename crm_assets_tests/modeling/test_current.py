"""Chances as of any day: what was known that day alone, for the rest of the month and beyond."""

from __future__ import annotations

from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest

from crm_assets.crm.tables import CURRENT_PREDICTIONS
from crm_assets.errors import SettingsError
from crm_assets.modeling.outlook.current import as_of, current_predictions, day_of
from crm_assets.modeling.outlook.history import History
from crm_assets.modeling.outlook.walk import Walk
from crm_assets_tests.chain import Chain

FEATURES = ["product", "sales_agent", "days_open", "month_of_quarter"]
CHANCES = ["probability_this_month", "probability", "probability_2_months", "probability_3_months"]
CHANCES += ["probability_ever"]


def test_at_a_months_end_they_are_those_of_its_snapshot(small_chain: Chain) -> None:
    found = current_predictions(small_chain.store.read("opportunities"), date(2023, 9, 30), FEATURES)
    walk = Walk(History.of(small_chain.snapshot("2023-09"), "2023-09"), FEATURES)
    deals = walk.history.deals.loc[walk.history.open_at("2023-09"), "opportunity_id"]
    expected = pd.DataFrame(walk.chances("2023-09"), index=deals.to_numpy())
    assert found["probability_this_month"].eq(0).all()
    assert found[CHANCES[1:]].to_numpy() == pytest.approx(expected.loc[found["opportunity_id"]].to_numpy())


def test_within_a_month_nothing_later_is_known(small_chain: Chain) -> None:
    deals, day = small_chain.store.read("opportunities"), date(2023, 9, 14)
    found = current_predictions(deals, day, FEATURES)
    known = as_of(deals, day)
    assert found["as_of"].unique().tolist() == ["2023-09-14"]
    assert len(found) == (known["stage"] == "Engaging").sum()
    assert (np.diff(found[CHANCES].to_numpy(), axis=1) >= 0).all()
    assert found["probability_this_month"].gt(0).all()
    later = deals.close_date > ibis.date(2023, 9, 14)
    changed = deals.mutate(
        stage=later.ifelse("Lost", deals.stage),
        close_date=later.ifelse(ibis.date(2023, 12, 1), deals.close_date),
    )
    again = current_predictions(changed, day, FEATURES)
    pd.testing.assert_frame_equal(again, found)
    assert small_chain.store.write("current", found, CURRENT_PREDICTIONS.having(found.columns).arrow) == len(
        found
    )


def test_the_setting_says_which_day(small_chain: Chain) -> None:
    deals = small_chain.store.read("opportunities")
    assert day_of("month_end", deals, "2023-11") == date(2023, 11, 30)
    assert day_of("data", deals, "2023-11") == date(2023, 12, 31)
    assert day_of("2023-10-05", deals, "2023-11") == date(2023, 10, 5)
    with pytest.raises(SettingsError, match=r"^CRM_AS_OF=2024-02-01: the data ends on 2023-12-31, .*\.$"):
        day_of("2024-02-01", deals, "2023-12")


def test_while_no_deal_is_closed_there_are_none(small_chain: Chain) -> None:
    found = current_predictions(small_chain.store.read("opportunities"), date(2022, 11, 30), FEATURES)
    assert len(found) == 0
    assert list(found.columns) == CURRENT_PREDICTIONS.names
