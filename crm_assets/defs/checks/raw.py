"""Gates of the raw tables: keys, required values, stages, dates, and the defects that cleaning mends."""

from __future__ import annotations

from crm_assets.crm.cleaning import SECTOR_SPELLINGS
from crm_assets.crm.schema import (
    CLOSED_STAGES,
    RAW_ACCOUNTS,
    RAW_PRODUCTS,
    RAW_SALES_PIPELINE,
    RAW_SALES_TEAMS,
    Stage,
)
from crm_assets.defs.checks.rules import Between, InSet, IsNull, NotInSet, NotLess, NotNull, Of, Where
from crm_assets.defs.checks.suite import Suite, contract

CLOSED = Where("deal_stage", tuple(CLOSED_STAGES))
OPEN = Where("deal_stage", (Stage.PROSPECTING, Stage.ENGAGING))
WON = Where("deal_stage", (Stage.WON,))
LOST = Where("deal_stage", (Stage.LOST,))
PROSPECTING = Where("deal_stage", (Stage.PROSPECTING,))
ENGAGED = Where("deal_stage", (Stage.ENGAGING, *CLOSED_STAGES))

PIPELINE = Suite(
    RAW_SALES_PIPELINE,
    (
        *contract(RAW_SALES_PIPELINE),
        InSet(name="stage_known", column="deal_stage", values=tuple(Stage)),
        NotNull(name="engaged_deals_have_engage_date", column="engage_date", where=ENGAGED),
        IsNull(name="prospects_have_no_engage_date", column="engage_date", where=PROSPECTING),
        NotNull(name="closed_deals_have_close_date", column="close_date", where=CLOSED),
        IsNull(name="open_deals_have_no_close_date", column="close_date", where=OPEN),
        NotLess(name="close_not_before_engage", column="close_date", than="engage_date"),
        NotNull(name="closed_deals_have_close_value", column="close_value", where=CLOSED),
        IsNull(name="open_deals_have_no_close_value", column="close_value", where=OPEN),
        Between(name="close_value_not_negative", column="close_value", low=0),
        Between(name="won_deals_bring_revenue", column="close_value", low=0.01, where=WON, severity="should"),
        Between(name="lost_deals_bring_none", column="close_value", high=0, where=LOST, severity="should"),
        InSet(
            name="product_spelled_as_in_products",
            column="product",
            values=Of("raw_products", "product"),
            severity="should",
        ),
        InSet(
            name="agent_spelled_as_in_sales_teams",
            column="sales_agent",
            values=Of("raw_sales_teams", "sales_agent"),
            severity="should",
        ),
        InSet(
            name="account_spelled_as_in_accounts",
            column="account",
            values=Of("raw_accounts", "account"),
            severity="should",
        ),
        NotNull(name="account_recorded", column="account", severity="should"),
    ),
)

ACCOUNTS = Suite(
    RAW_ACCOUNTS,
    (
        *contract(RAW_ACCOUNTS),
        Between(name="revenue_not_negative", column="revenue", low=0),
        Between(name="employees_not_negative", column="employees", low=0),
        Between(name="year_established_possible", column="year_established", low=1000, high=2200),
        NotInSet(
            name="sector_spelled_right", column="sector", values=tuple(SECTOR_SPELLINGS), severity="should"
        ),
        InSet(
            name="parent_is_an_account",
            column="subsidiary_of",
            values=Of("raw_accounts", "account"),
            severity="should",
        ),
    ),
)

PRODUCTS = Suite(
    RAW_PRODUCTS,
    (
        *contract(RAW_PRODUCTS),
        Between(name="price_not_negative", column="sales_price", low=0),
        Between(name="price_above_zero", column="sales_price", low=0.01, severity="should"),
    ),
)

SALES_TEAMS = Suite(
    RAW_SALES_TEAMS,
    (
        *contract(RAW_SALES_TEAMS),
        NotNull(name="manager_recorded", column="manager", severity="should"),
        NotNull(name="office_recorded", column="regional_office", severity="should"),
    ),
)

SUITES = (ACCOUNTS, PRODUCTS, SALES_TEAMS, PIPELINE)
