"""Ways to spoil the rows of a dump: which rows each quarantines, and which values it leaves out."""

from __future__ import annotations

from dataclasses import dataclass

from crm_assets.crm.schema import RAW_ACCOUNTS as ACCOUNTS
from crm_assets.crm.schema import RAW_PRODUCTS as PRODUCTS
from crm_assets.crm.schema import RAW_SALES_PIPELINE as PIPELINE
from crm_assets.crm.schema import RAW_SALES_TEAMS as TEAMS
from crm_assets.crm.schema import RawTable
from crm_assets_tests.sources.test_bad_input import deal, each, extend, put, won
from crm_assets_tests.sources.test_csv_folder import Mutation, Records, rewritten


@dataclass(frozen=True)
class Case:
    """A way to spoil rows, and the rows that then break each rule."""

    claim: str
    mutate: Mutation
    broken: dict[tuple[str, str], list[int]]


def broken(table: RawTable, **rules: list[int]) -> dict[tuple[str, str], list[int]]:
    return {(table.name, rule): rows for rule, rows in rules.items()}


def again(table: RawTable, row: int, *, below: int) -> Mutation:
    """Repeat a row below another one."""

    def change(records: Records) -> Records:
        return [*records[:below], records[row - 1], *records[below:]]

    return rewritten(change, table)


# Rows that cannot be used.
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
        "a missing value", put(PIPELINE, 4, 6, deal_stage=" "), broken(PIPELINE, deal_stage_is_there=[4, 6])
    ),
    Case(
        "two missing values",
        put(PIPELINE, 4, opportunity_id="", deal_stage=""),
        broken(PIPELINE, opportunity_id_is_there=[4], deal_stage_is_there=[4]),
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
    Case(
        "a deal twice in the same words",
        again(PIPELINE, 5, below=901),
        broken(PIPELINE, row_not_repeated=[902]),
    ),
    Case(
        "a deal three times, once in other words",
        each(
            put(PIPELINE, 901, opportunity_id="X"),
            again(PIPELINE, 901, below=901),
            put(PIPELINE, 900, opportunity_id="X"),
        ),
        broken(PIPELINE, opportunity_id_unique=[900, 901, 902]),
    ),
    Case("a close before the start", won(7, "2023-06-02"), broken(PIPELINE, close_not_before_engage=[7])),
    Case(
        "a close in the future",
        won(7, closed="2190-01-01"),
        broken(PIPELINE, close_date_not_in_the_future=[7]),
    ),
    Case(
        "a Won deal with next to nothing",
        deal(7, "Won"),
        broken(PIPELINE, engaged_deals_have_engage_date=[7], closed_deals_have_close_date=[7]),
    ),
    Case(
        "rows of other fields than the header",
        each(extend(PIPELINE, 7, ",more"), extend(PIPELINE, 9, ",and,more")),
        broken(PIPELINE, as_many_fields_as_the_header=[7, 9]),
    ),
    Case(
        "a product twice",
        put(PRODUCTS, 5, product="Product A Basic"),
        broken(PRODUCTS, product_unique=[2, 5]),
    ),
    Case("an agent without name", put(TEAMS, 3, sales_agent=""), broken(TEAMS, sales_agent_is_there=[3])),
    Case(
        "an agent in two spellings that look the same",
        put(TEAMS, 4, sales_agent="Agent  0002"),
        broken(TEAMS, sales_agent_in_one_spelling=[3, 4]),
    ),
    Case(
        "an account twice and in another spelling",
        each(put(ACCOUNTS, 5, account="Account 0001"), put(ACCOUNTS, 7, account="Account\u00a00001")),
        broken(ACCOUNTS, account_unique=[2, 5], account_in_one_spelling=[2, 5, 7]),
    ),
    Case(
        "something in every table",
        each(
            put(ACCOUNTS, 3, account=""),
            put(PRODUCTS, 4, product=""),
            put(TEAMS, 5, sales_agent="Agent  0001"),
            put(PIPELINE, 40, 41, opportunity_id="X"),
            deal(43, "Lost", "2023-05-02", "2023-05-01", "0"),
        ),
        broken(ACCOUNTS, account_is_there=[3])
        | broken(PRODUCTS, product_is_there=[4])
        | broken(TEAMS, sales_agent_in_one_spelling=[2, 5])
        | broken(PIPELINE, opportunity_id_unique=[40, 41], close_not_before_engage=[43]),
    ),
]

# Values that are wrong, in rows that can be used without them.
LEFT_OUT = [
    Case("a text for a value", won(7, value="much"), broken(PIPELINE, close_value_is_a_number=[7])),
    Case("a negative value", won(7, value="-5"), broken(PIPELINE, close_value_not_negative=[7])),
    Case(
        "a Lost deal with a value",
        deal(7, "Lost", "2023-05-02", "2023-06-01", "55"),
        broken(PIPELINE, lost_deals_bring_none=[7]),
    ),
    Case(
        "open deals with what only closed ones have",
        each(deal(7, "Engaging", "2023-05-02", "2190-06-01", "-1"), deal(8, "Prospecting", "2023-05-02")),
        broken(
            PIPELINE,
            close_value_not_negative=[7],
            open_deals_have_no_close_date=[7],
            open_deals_have_no_close_value=[7],
            prospects_have_no_engage_date=[8],
        ),
    ),
    Case(
        "no date for a deal that needs none",
        deal(9, "Prospecting", "2023-02-30"),
        broken(PIPELINE, engage_date_is_a_date=[9]),
    ),
    Case(
        "a price that is none",
        put(PRODUCTS, 3, sales_price="?"),
        broken(PRODUCTS, sales_price_is_a_number=[3]),
    ),
    Case(
        "a negative price", put(PRODUCTS, 3, sales_price="-1"), broken(PRODUCTS, sales_price_not_negative=[3])
    ),
    Case(
        "an account with two faults",
        put(ACCOUNTS, 4, year_established="96", employees="few"),
        broken(ACCOUNTS, year_established_possible=[4], employees_is_a_number=[4]),
    ),
]
