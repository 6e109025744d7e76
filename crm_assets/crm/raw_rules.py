"""The rules for the rows of raw tables. Sources and gates apply them.

If a `must` rule is broken, the run stops, or the row is quarantined, or only its value is left out, as the
rule says. The gate reports broken `should` rules.
"""

from __future__ import annotations

from crm_assets.crm.cleaning import SECTOR_SPELLINGS
from crm_assets.crm.contract import contract
from crm_assets.crm.lookup_rules import known, not_confusable, one_spelling, spelled_alike
from crm_assets.crm.rules import (
    Between,
    InSet,
    IsNull,
    NotInSet,
    NotInTheFuture,
    NotLess,
    NotNull,
    Of,
    Rule,
    Then,
    Where,
)
from crm_assets.crm.schema import (
    CLOSED_STAGES,
    RAW_ACCOUNTS,
    RAW_PRODUCTS,
    RAW_SALES_PIPELINE,
    RAW_SALES_TEAMS,
    SOURCE_ROW,
    Column,
    RawTable,
    Stage,
)

# The possible numbers of some units: the lowest, the highest, and what to call one.
RANGES = {"year": (1000, 2200, "year"), "0 to 1": (0, 1, "share")}

CLOSED = Where("deal_stage", tuple(CLOSED_STAGES))
OPEN = Where("deal_stage", (Stage.PROSPECTING, Stage.ENGAGING))
WON = Where("deal_stage", (Stage.WON,))
LOST = Where("deal_stage", (Stage.LOST,))
PROSPECTING = Where("deal_stage", (Stage.PROSPECTING,))
# A deal with another date can be placed in time: it counts as prospecting until it closes.
ENGAGED = Where("deal_stage", (Stage.ENGAGING, *CLOSED_STAGES), unless="created_date")
OPEN_AND_ENGAGED = Where("deal_stage", (Stage.ENGAGING,))


def rules_of(table: RawTable) -> tuple[Rule, ...]:
    """Return the rules of a raw table: those that follow from its definition, and its own."""
    return (*contract(table), *_numbers(table), *_dates(table), *RAW_RULES.get(table.name, ()))


def _numbers(table: RawTable) -> tuple[Rule, ...]:
    """Return the rules for numbers: each is a year, a share, an amount or a count."""
    numbers = [c for c in table.columns if c.dtype in ("float64", "int64") and c != SOURCE_ROW]
    return tuple(_number(column) for column in numbers)


def _number(column: Column) -> Rule:
    if column.unit in RANGES:
        low, high, called = RANGES[column.unit]
        return Between(
            name=f"{column.name}_possible",
            column=column.name,
            low=low,
            high=high,
            then=_then(column),
            what=f"is out of range for a {called}",
            remedy=f"enter a {called} from {low} to {high}"
            + (" (0 % to 100 %)" if called == "share" else ""),
        )
    return Between(
        name=f"{column.name}_not_negative",
        column=column.name,
        low=0,
        then=_then(column),
        what="is negative",
        remedy="correct the number",
    )


def _then(column: Column) -> Then:
    """Return what to do with a wrong value: a row can be used without one that may be missing."""
    return "ignore" if column.nullable else "aside"


def _dates(table: RawTable) -> tuple[Rule, ...]:
    """Return the rules for dates: nothing can become known after today."""
    return tuple(
        NotInTheFuture(
            name=f"{dating.column}_not_in_the_future",
            column=dating.column,
            what="lies in the future",
            remedy="correct the date",
        )
        for dating in table.dated_by
    )


RAW_RULES: dict[str, tuple[Rule, ...]] = {
    RAW_ACCOUNTS.name: (
        one_spelling(RAW_ACCOUNTS),
        not_confusable(RAW_ACCOUNTS),
        NotInSet(
            name="sector_spelled_right",
            column="sector",
            values=tuple(SECTOR_SPELLINGS),
            severity="should",
            what="is misspelled",
            remedy="leave it: cleaning corrects the spelling",
        ),
        InSet(
            name="parent_is_an_account",
            column="subsidiary_of",
            values=Of(RAW_ACCOUNTS.name, "account"),
            severity="should",
            what=f"is not in {RAW_ACCOUNTS.file_name}",
            remedy="add the parent company there or correct its name",
        ),
    ),
    RAW_PRODUCTS.name: (
        one_spelling(RAW_PRODUCTS),
        not_confusable(RAW_PRODUCTS),
        Between(
            name="price_above_zero",
            column="sales_price",
            low=0.01,
            severity="should",
            what="is not above 0",
            remedy="enter the list price, or leave it: what the product's won deals fetched counts",
        ),
    ),
    RAW_SALES_TEAMS.name: (
        one_spelling(RAW_SALES_TEAMS),
        not_confusable(RAW_SALES_TEAMS),
        NotNull(
            name="manager_recorded",
            column="manager",
            severity="should",
            what="where the agent's manager should be",
            remedy="fill it in",
        ),
        NotNull(
            name="office_recorded",
            column="regional_office",
            severity="should",
            what="where the agent's office should be",
            remedy="fill it in",
        ),
    ),
    RAW_SALES_PIPELINE.name: (
        InSet(
            name="stage_known",
            column="deal_stage",
            values=tuple(Stage),
            what="is not a stage",
            remedy=f"use {', '.join(Stage)}",
        ),
        NotNull(
            name="engaged_deals_have_engage_date",
            column="engage_date",
            where=ENGAGED,
            what="although the deal is engaged or closed",
            remedy="fill in the day the deal was engaged",
        ),
        NotNull(
            name="engaging_deals_have_engage_date",
            column="engage_date",
            where=OPEN_AND_ENGAGED,
            severity="should",
            what="although the deal is engaging",
            remedy="fill in the day the deal was engaged; until then, it is not scored",
        ),
        NotNull(
            name="closed_deals_have_close_date",
            column="close_date",
            where=CLOSED,
            what="although the deal is Won or Lost",
            remedy="fill in the day the deal was closed",
        ),
        IsNull(
            name="prospects_have_no_engage_date",
            column="engage_date",
            where=PROSPECTING,
            then="ignore",
            what="belongs to a deal that is still prospecting",
            remedy="remove the date or set the stage to Engaging",
        ),
        *(
            IsNull(
                name=f"open_deals_have_no_{column}",
                column=column,
                where=OPEN,
                then="ignore",
                what="belongs to a deal that is not closed",
                remedy=f"remove the {called} or set the stage to Won or Lost",
            )
            for column, called in (("close_date", "close date"), ("close_value", "close value"))
        ),
        Between(
            name="lost_deals_bring_none",
            column="close_value",
            low=0,
            high=0,
            where=LOST,
            then="ignore",
            what="is the close value of a Lost deal",
            remedy="enter 0 or set the stage to Won",
        ),
        NotNull(
            name="won_deals_have_close_value",
            column="close_value",
            where=WON,
            severity="should",
            what="although the deal is Won",
            remedy="leave it: the deal counts as won, its amount as unknown",
        ),
        NotLess(
            name="close_not_before_engage",
            column="close_date",
            than="engage_date",
            what="lies before the deal's engage_date",
            remedy="correct one of the two dates",
        ),
        known("product_in_products", "product", RAW_PRODUCTS, "series and list price are unknown"),
        known("agent_in_sales_teams", "sales_agent", RAW_SALES_TEAMS, "manager and office are unknown"),
        known("account_in_accounts", "account", RAW_ACCOUNTS, "what accounts say of a customer is unknown"),
        Between(
            name="won_deals_bring_revenue",
            column="close_value",
            low=0.01,
            where=WON,
            severity="should",
            what="is the close value of a Won deal",
            remedy="enter the revenue of the deal",
        ),
        spelled_alike("product_spelled_as_in_products", "product", RAW_PRODUCTS),
        spelled_alike("agent_spelled_as_in_sales_teams", "sales_agent", RAW_SALES_TEAMS),
        spelled_alike("account_spelled_as_in_accounts", "account", RAW_ACCOUNTS),
        NotNull(
            name="product_recorded",
            column="product",
            severity="should",
            what="where the product should be",
            remedy="record the product",
        ),
        NotNull(
            name="agent_recorded",
            column="sales_agent",
            severity="should",
            what="where the sales agent should be",
            remedy="record the sales agent",
        ),
        NotNull(
            name="account_recorded",
            column="account",
            severity="should",
            what="where the customer should be",
            remedy="record the account",
        ),
    ),
}
