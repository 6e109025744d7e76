"""Dates, numbers, empty values and currencies, as the mapping or their column says."""

from __future__ import annotations

from datetime import date

import pytest

from crm_assets.errors import BadInputError
from crm_assets_tests.sources.mapping.conftest import Take
from crm_assets_tests.sources.mapping.small import HEADER, PLAIN, Put, Write, deals


@pytest.mark.parametrize(
    ("dates", "made", "day"),
    [
        ("", "2024-03-01T23:30:00.000Z", date(2024, 3, 1)),
        ("", "05.03.2024 10:00", date(2024, 3, 5)),
        ("D/M/YYYY", "05/03/2024", date(2024, 3, 5)),
        ("M/D/YYYY", "05/03/2024", date(2024, 5, 3)),
        ("D/M/YYYY", "2024-03-05", date(2024, 3, 5)),
    ],
)
def test_dates_are_read_as_the_mapping_or_the_column_says(
    put: Put, take: Take, mapping: Write, dates: str, made: str, day: date
) -> None:
    text = PLAIN + (f"formats: {{dates: {dates}}}\n" if dates else "")
    taken = take(put(deals=HEADER + f"1,Demo,{made},,5\n"), mapping(text))
    assert deals(taken, "created_date") == [day]


@pytest.mark.parametrize(
    ("made", "formats", "day"),
    [
        ("2024-03-01T23:30:00-05:00", "empty: x", date(2024, 3, 1)),
        ("2024-03-01T23:30:00Z", "time_zone: Europe/Berlin", date(2024, 3, 2)),
        ("2024-03-01 23:30:00", "time_zone: Europe/Berlin", date(2024, 3, 1)),
        ("2024-03-01 23:30:00", "time_zone: Europe/Berlin, stamps_without_zone: UTC", date(2024, 3, 2)),
        ("2024-03-01", "time_zone: Europe/Berlin, stamps_without_zone: UTC", date(2024, 3, 1)),
    ],
)
def test_a_time_stamp_belongs_to_the_day_of_the_company(
    put: Put, take: Take, mapping: Write, made: str, formats: str, day: date
) -> None:
    taken = take(put(deals=HEADER + f"1,Demo,{made},,5\n"), mapping(f"{PLAIN}formats: {{{formats}}}\n"))
    assert deals(taken, "created_date") == [day]


def test_dates_that_two_forms_fit_are_refused_with_the_crms_own_column(
    put: Put, take: Take, mapping: Write
) -> None:
    with pytest.raises(
        BadInputError, match=r"column made \(created_date\): reads as M/D/YYYY and as D/M/YYYY"
    ):
        take(put(deals=HEADER + "1,Demo,05/03/2024,,5\n"), mapping(PLAIN))


def test_a_number_is_read_as_the_mapping_says_where_its_column_does_not(
    put: Put, take: Take, mapping: Write
) -> None:
    folder = put(deals=HEADER + "1,Won,2024-01-05,2024-02-06,1.200\n")
    taken = take(folder, mapping(PLAIN + "formats: {numbers: '1.234,5'}\n"))
    assert deals(taken, "amount") == [1200.0]
    taken = take(folder, mapping(PLAIN + "formats: {numbers: '1,234.5'}\n"))
    assert deals(taken, "amount") == [1.2]


def test_what_stands_for_empty_is_empty(put: Put, take: Take, mapping: Write) -> None:
    text = PLAIN + "formats: {empty: [tbd, '?']}\n"
    taken = take(put(deals=HEADER + "1,Demo,2024-01-05,tbd,?\n"), mapping(text))
    assert deals(taken, "close_date", "amount") == [(None, None)]


MONEY = PLAIN.replace("close_value:", "currency: money, close_value:")
TWO = "id,stage,made,ended,worth,money\n1,Won,2024-01-05,2024-02-06,10,EUR\n2,Demo,2024-01-05,,10,usd\n"


def test_amounts_in_two_currencies_need_a_rate(put: Put, take: Take, mapping: Write) -> None:
    folder = put(deals=TWO)
    with pytest.raises(
        BadInputError, match=r"several currencies: 'EUR' \(1\), 'USD' \(1\)\. Say which one to count in"
    ):
        take(folder, mapping(MONEY))
    with pytest.raises(
        BadInputError, match=r"crm\.yaml has no rate for EUR\. .*`money: \{rates: \{EUR: 1\.1\}\}`"
    ):
        take(folder, mapping(MONEY + "money: {currency: USD}\n"))
    taken = take(folder, mapping(MONEY + "money: {currency: USD, rates: {EUR: 1.5}}\n"))
    assert deals(taken, "amount", "close_value", "currency") == [(15.0, 15.0, "USD"), (10.0, None, "USD")]


def test_amounts_that_the_crm_has_converted_need_no_rate(put: Put, take: Take) -> None:
    text = "hs_object_id,dealstage,createdate,closedate,amount,amount_in_home_currency,deal_currency_code\n"
    text += "1,closedwon,2024-01-05,2024-02-06,10,11,EUR\n2,contractsent,2024-01-05,2024-09-01,20,20,USD\n"
    taken = take(put(deals=text), "hubspot")
    assert deals(taken, "amount", "close_value") == [(11.0, 11.0), (20.0, None)]


@pytest.mark.parametrize("chance", ["60%", "60 %", "60"])
def test_a_probability_is_a_share_of_one(put: Put, take: Take, chance: str) -> None:
    text = f"id,status,stage_id,add_time,value,probability\n1,open,4,2024-01-05,5,{chance}\n"
    assert deals(take(put(deals=text), "pipedrive"), "crm_probability") == [0.6]
