"""The features, compared with an oracle in plain pandas that knows only their definitions."""

from __future__ import annotations

import math
from datetime import date

import pandas as pd
import pyarrow as pa
import pytest

from crm_assets.crm.feature_table import FEATURE_NAMES, FEATURES, LABELS
from crm_assets.crm.months import month_end, shift
from crm_assets.crm.tables import WIN_FEATURES
from crm_assets_tests.chain import CLOSED, Chain

LABEL_NAMES = [label.name for label in LABELS]


def oracle(deals: pd.DataFrame, month: str) -> pd.DataFrame:
    """Return the features of the deals open at the end of `month`, one deal at a time."""
    end = month_end(month)
    known = deals[deals["engage_date"].notna() & (deals["engage_date"].fillna(date.max) <= end)]
    over = known["stage"].isin(CLOSED) & (known["close_date"].fillna(date.max) <= end)
    closed, still_open = known[over], known[~over]
    cycles = sorted((c - e).days for c, e in zip(closed["close_date"], closed["engage_date"], strict=True))
    middle = len(cycles) // 2
    median = (
        (cycles[middle] if len(cycles) % 2 else (cycles[middle - 1] + cycles[middle]) / 2) if cycles else 0
    )
    wins = closed[closed["stage"] == "Won"]
    base = len(wins) / len(closed) if len(closed) else None
    count = {
        (what, who): part[who].value_counts().to_dict()
        for what, part in (("won", wins), ("closed", closed), ("open", still_open))
        for who in ("sales_agent", "product", "account")
    }

    def win_rate(who: str, name: str) -> float | None:
        won, ended = count["won", who].get(name, 0), count["closed", who].get(name, 0)
        return None if base is None else (won + 20 * base) / (ended + 20)

    rows = []
    for deal in still_open.sort_values("opportunity_id").to_dict("records"):
        has_account = not pd.isna(deal["account"])
        days_open = (end - deal["engage_date"]).days
        rows.append(
            {
                "opportunity_id": deal["opportunity_id"],
                **{name: deal[name] for name in FEATURE_NAMES if name in deal},
                "account_age_years": end.year - deal["account_year_established"],
                "is_subsidiary": not pd.isna(deal["account_parent"]),
                "has_account": has_account,
                "days_open": days_open,
                "engage_day_of_week": deal["engage_date"].weekday(),
                "month_of_quarter": {1: 1, 2: 2, 0: 3}[int(shift(month, 1)[-2:]) % 3],
                "days_open_vs_median_cycle": days_open / median if median else None,
                "agent_win_rate": win_rate("sales_agent", deal["sales_agent"]),
                "agent_closed_deals": count["closed", "sales_agent"].get(deal["sales_agent"], 0),
                "agent_open_deals": count["open", "sales_agent"][deal["sales_agent"]],
                "product_win_rate": win_rate("product", deal["product"]),
                "product_open_deals": count["open", "product"][deal["product"]],
                "account_win_rate": win_rate("account", deal["account"]) if has_account else None,
                "account_closed_deals": count["closed", "account"].get(deal["account"], 0)
                if has_account
                else None,
            }
        )
    return pd.DataFrame(rows)


def assert_as_defined(chain: Chain, month: str) -> None:
    features, expected = chain.features(month), oracle(chain.opportunities(), month)
    assert features["opportunity_id"].tolist() == expected["opportunity_id"].tolist()
    for name in expected.columns:
        for got, wanted in zip(features[name].tolist(), expected[name].tolist(), strict=True):
            if pd.isna(wanted):
                assert pd.isna(got), name
            elif isinstance(wanted, float):
                assert math.isclose(got, wanted, rel_tol=1e-12), name
            else:
                assert got == wanted, name


@pytest.mark.parametrize("month", ["2017-02", "2017-09"])
def test_every_feature_of_the_real_dump_is_what_its_definition_says(real_chain: Chain, month: str) -> None:
    assert_as_defined(real_chain, month)


def test_every_feature_of_every_month_of_a_small_dump_is_what_its_definition_says(small_chain: Chain) -> None:
    for month in small_chain.months:
        assert_as_defined(small_chain, month)


def test_the_features_stand_in_order_with_their_types(small_chain: Chain) -> None:
    table = small_chain.store.read("win_features", ["2023-06"]).to_pyarrow()
    assert table.schema == WIN_FEATURES.arrow
    assert table.column_names == ["snapshot_month", "opportunity_id", *FEATURE_NAMES, *LABEL_NAMES]


def test_only_nullable_features_are_ever_null(small_chain: Chain) -> None:
    table = small_chain.store.read("win_features", small_chain.months).to_pyarrow()
    never = [column.name for column in WIN_FEATURES.columns if not column.nullable]
    assert {name: table[name].null_count for name in never} == dict.fromkeys(never, 0)


def test_features_of_the_account_are_null_without_one(small_chain: Chain) -> None:
    features = _all(small_chain)
    without = features[~features["has_account"]]
    assert len(without)
    of_account = [f.name for f in FEATURES if f.sources == ("account",) and f.nullable]
    assert without[of_account].isna().all(axis=None)
    assert not without["is_subsidiary"].any()
    assert features.loc[features["has_account"], of_account[:4]].notna().all(axis=None)


def test_win_rates_are_null_while_nothing_is_closed_and_never_after(small_chain: Chain) -> None:
    features = _all(small_chain)
    first_close = small_chain.opportunities()["close_date"].dropna().min()
    early = features["snapshot_month"] < f"{first_close:%Y-%m}"
    assert early.any()
    for name in ("agent_win_rate", "product_win_rate", "days_open_vs_median_cycle"):
        assert features[name].isna().eq(early).all()
    assert features.loc[early, "account_win_rate"].isna().all()
    assert (features.loc[early, "agent_closed_deals"] == 0).all()


def test_open_deals_of_an_agent_and_of_a_product_include_the_deal_itself(small_chain: Chain) -> None:
    for month in small_chain.months:
        features = small_chain.features(month)
        for who, column in (("sales_agent", "agent_open_deals"), ("product", "product_open_deals")):
            assert features[column].eq(features.groupby(who)[who].transform("size")).all()


@pytest.mark.parametrize(("month", "place"), [("2022-12", 1), ("2023-01", 2), ("2023-02", 3), ("2023-03", 1)])
def test_month_of_quarter_is_that_of_the_predicted_month(small_chain: Chain, month: str, place: int) -> None:
    assert small_chain.features(month)["month_of_quarter"].unique().tolist() == [place]


def test_a_win_rate_without_closed_deals_is_the_base_rate(small_chain: Chain) -> None:
    snapshot, features = small_chain.snapshot("2023-04"), small_chain.features("2023-04")
    closed = snapshot[snapshot["stage"].isin(CLOSED)]
    new = features[features["account_closed_deals"] == 0]
    assert len(new)
    assert new["account_win_rate"].tolist() == pytest.approx([closed["stage"].eq("Won").mean()] * len(new))


def test_months_alone_and_months_together_give_the_same_rows(small_chain: Chain) -> None:
    together = small_chain.store.read("win_features", small_chain.months).to_pyarrow()
    alone = [small_chain.store.read("win_features", [month]).to_pyarrow() for month in small_chain.months]
    assert together.equals(pa.concat_tables(alone))


def _all(chain: Chain) -> pd.DataFrame:
    return pd.concat([chain.features(month) for month in chain.months], ignore_index=True)
