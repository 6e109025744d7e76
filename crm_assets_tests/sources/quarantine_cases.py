"""Ways to spoil the rows of a dump, and which rows each quarantines."""

from __future__ import annotations

from dataclasses import dataclass, field

from crm_assets.crm.schema import RAW_ACCOUNTS as ACCOUNTS
from crm_assets.crm.schema import RAW_PRODUCTS as PRODUCTS
from crm_assets.crm.schema import RAW_SALES_PIPELINE as PIPELINE
from crm_assets.crm.schema import RAW_SALES_TEAMS as TEAMS
from crm_assets.crm.schema import RawTable
from crm_assets_tests.sources.test_bad_input import deal, each, put, won
from crm_assets_tests.sources.test_csv_folder import Mutation


@dataclass(frozen=True)
class Case:
    """A way to spoil rows: the rules that they then break, and the rows of other tables that deals lose."""

    claim: str
    mutate: Mutation
    broken: dict[tuple[str, str], list[int]]
    lost: list[tuple[RawTable, int]] = field(default_factory=list)


def broken(table: RawTable, **rules: list[int]) -> dict[tuple[str, str], list[int]]:
    return {(table.name, rule): rows for rule, rows in rules.items()}


CASES = [
    Case("nothing", each(), {}),
    Case("a text for a date", won(7, closed="soon"), broken(PIPELINE, close_date_is_a_date=[7])),
    Case("an impossible date", won(7, engaged="2023-02-30"), broken(PIPELINE, engage_date_is_a_date=[7])),
    Case(
        "another date format",
        each(won(4, closed="6/1/2023"), won(9, closed="12/24/2023")),
        broken(PIPELINE, close_date_in_one_format=[4, 9]),
    ),
    Case(
        "another date format and an impossible date",
        each(won(4, engaged="5/2/2023"), deal(9, "Prospecting", "2023-02-30")),
        broken(PIPELINE, engage_date_in_one_format=[4], engage_date_is_a_date=[9]),
    ),
    Case("a text for a value", won(7, value="much"), broken(PIPELINE, close_value_is_a_number=[7])),
    Case("a negative value", won(7, value="-5"), broken(PIPELINE, close_value_not_negative=[7])),
    Case(
        "a missing value", put(PIPELINE, 4, 6, sales_agent=" "), broken(PIPELINE, sales_agent_is_there=[4, 6])
    ),
    Case(
        "two missing values",
        put(PIPELINE, 4, product="", deal_stage=""),
        broken(PIPELINE, product_is_there=[4], deal_stage_is_there=[4]),
    ),
    Case("an unknown stage", put(PIPELINE, 3, 8, deal_stage="won"), broken(PIPELINE, stage_known=[3, 8])),
    Case(
        "one id in three rows",
        put(PIPELINE, 4, 9, 90, opportunity_id="X"),
        broken(PIPELINE, opportunity_id_unique=[4, 9, 90]),
    ),
    Case(
        "one id in a sound row and a bad one",
        each(put(PIPELINE, 4, 9, opportunity_id="X"), put(PIPELINE, 9, deal_stage="won")),
        broken(PIPELINE, opportunity_id_unique=[4, 9], stage_known=[9]),
    ),
    Case("a close before the start", won(7, "2023-06-02"), broken(PIPELINE, close_not_before_engage=[7])),
    Case(
        "a Won deal with next to nothing",
        deal(7, "Won"),
        broken(
            PIPELINE,
            engaged_deals_have_engage_date=[7],
            closed_deals_have_close_date=[7],
            closed_deals_have_close_value=[7],
        ),
    ),
    Case(
        "open deals that have closed",
        each(deal(7, "Engaging", "2023-05-02", "2023-06-01", "5"), deal(8, "Prospecting", "2023-05-02")),
        broken(
            PIPELINE,
            open_deals_have_no_close_date=[7],
            open_deals_have_no_close_value=[7],
            prospects_have_no_engage_date=[8],
        ),
    ),
    Case(
        "unknown products", put(PIPELINE, 5, 7, product="Warp"), broken(PIPELINE, product_in_products=[5, 7])
    ),
    Case(
        "an unknown agent", put(PIPELINE, 901, sales_agent="?"), broken(PIPELINE, agent_in_sales_teams=[901])
    ),
    Case("an unknown account", put(PIPELINE, 2, account="Void"), broken(PIPELINE, account_in_accounts=[2])),
    Case(
        "four faults in one row",
        each(won(6, closed="soon", value="-1"), put(PIPELINE, 6, product="Warp", account="Void")),
        broken(
            PIPELINE,
            close_date_is_a_date=[6],
            close_value_not_negative=[6],
            product_in_products=[6],
            account_in_accounts=[6],
        ),
    ),
    Case(
        "a price that is none",
        put(PRODUCTS, 3, sales_price="$5"),
        broken(PRODUCTS, sales_price_is_a_number=[3]),
        [(PRODUCTS, 3)],
    ),
    Case(
        "a missing price",
        put(PRODUCTS, 8, sales_price=""),
        broken(PRODUCTS, sales_price_is_there=[8]),
        [(PRODUCTS, 8)],
    ),
    Case(
        "a product twice",
        put(PRODUCTS, 5, product="Product A Basic"),
        broken(PRODUCTS, product_unique=[2, 5]),
        [(PRODUCTS, 2), (PRODUCTS, 5)],
    ),
    Case(
        "an agent without name",
        put(TEAMS, 3, sales_agent=""),
        broken(TEAMS, sales_agent_is_there=[3]),
        [(TEAMS, 3)],
    ),
    Case(
        "an agent in two spellings",
        put(TEAMS, 4, sales_agent="AGENT 00-02"),
        broken(TEAMS, sales_agent_in_one_spelling=[3, 4]),
        [(TEAMS, 3), (TEAMS, 4)],
    ),
    Case(
        "an account twice and in another spelling",
        each(put(ACCOUNTS, 5, account="Account 0001"), put(ACCOUNTS, 7, account="account-0001")),
        broken(ACCOUNTS, account_unique=[2, 5], account_in_one_spelling=[2, 5, 7]),
        [(ACCOUNTS, 2), (ACCOUNTS, 5), (ACCOUNTS, 7)],
    ),
    Case(
        "an account with two faults",
        put(ACCOUNTS, 4, year_established="96", employees="-3"),
        broken(ACCOUNTS, year_established_possible=[4], employees_not_negative=[4]),
        [(ACCOUNTS, 4)],
    ),
    Case(
        "something in every table",
        each(
            put(ACCOUNTS, 3, employees="few"),
            put(PRODUCTS, 4, sales_price="-1"),
            put(TEAMS, 5, sales_agent="agent-0001"),
            put(PIPELINE, 40, 41, opportunity_id="X"),
            put(PIPELINE, 42, product="Warp"),
            deal(43, "Lost", "2023-05-02", "2023-05-01", "0"),
        ),
        broken(ACCOUNTS, employees_is_a_number=[3])
        | broken(PRODUCTS, sales_price_not_negative=[4])
        | broken(TEAMS, sales_agent_in_one_spelling=[2, 5])
        | broken(
            PIPELINE, opportunity_id_unique=[40, 41], product_in_products=[42], close_not_before_engage=[43]
        ),
        [(ACCOUNTS, 3), (PRODUCTS, 4), (TEAMS, 2), (TEAMS, 5)],
    ),
]
