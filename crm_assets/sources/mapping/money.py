"""Amounts in one currency, and the other steps that need numbers in place of texts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.errors import BadInputError
from crm_assets.sources.mapping.headers import counted
from crm_assets.sources.mapping.load import LoadedMapping
from crm_assets.sources.mapping.schema import Table
from crm_assets.sources.numbers import without_currency

AMOUNTS = ("amount", "close_value")
# What CRMs write in place of a code.
_CALLED = {
    **{"$": "USD", "US$": "USD", "US DOLLAR": "USD", "U.S. DOLLAR": "USD", "DOLLAR": "USD"},
    **{"\u20ac": "EUR", "EURO": "EUR", "EUROS": "EUR"},
    **{"\u00a3": "GBP", "POUND STERLING": "GBP", "BRITISH POUND": "GBP", "UK POUND STERLING": "GBP"},
    **{
        "\u20b9": "INR",
        "INDIAN RUPEE": "INR",
        "RS": "INR",
        "RS.": "INR",
        "R$": "BRL",
        "BRAZILIAN REAL": "BRL",
    },
    **{"\u00a5": "JPY", "\uffe5": "JPY", "JAPANESE YEN": "JPY", "YEN": "JPY", "\u20a9": "KRW"},
    **{"SWISS FRANC": "CHF", "FR.": "CHF", "C$": "CAD", "CANADIAN DOLLAR": "CAD", "A$": "AUD"},
    **{"AUSTRALIAN DOLLAR": "AUD", "Z\u0141": "PLN", "ZLOTY": "PLN", "K\u010c": "CZK", "FT": "HUF"},
    **{"SWEDISH KRONA": "SEK", "DANISH KRONE": "DKK", "NORWEGIAN KRONE": "NOK", "NT$": "TWD"},
    **{"HK$": "HKD", "S$": "SGD", "NZ$": "NZD"},
}


def codes_of(currencies: pa.Array) -> pa.Array:
    """Return the codes of currencies that are written as signs or names; others in capitals.

    >>> codes_of(pa.array(["\u20ac", "US Dollar", "chf", "points", None])).to_pylist()
    ['EUR', 'USD', 'CHF', 'POINTS', None]
    """
    encoded = pc.utf8_upper(currencies).dictionary_encode()
    codes = [_CALLED.get(one, one) for one in encoded.dictionary.to_pylist()]
    return pa.array(codes, pa.string()).take(encoded.indices)


def split_currencies(columns: dict[str, pa.Array]) -> None:
    """Make a column of currencies from the signs beside amounts, if the CRM has no such column.

    Args:
        columns: our columns of the deals, as text; the amounts lose their signs.
    """
    if "currency" in columns:
        return
    signs = []
    for name in (name for name in AMOUNTS if name in columns):
        columns[name], found = without_currency(columns[name])
        signs += [] if found is None else [found]
    if signs:
        columns["currency"] = pc.coalesce(*signs)


def _code(name: str) -> str:
    return _CALLED.get(name.upper(), name.upper())


def divided(rows: pa.Table, table: Table, percent: Collection[str] = ()) -> pa.Table:
    """Divide the numbers of columns that the CRM counts in another unit.

    Args:
        rows: the typed rows.
        table: the table of the mapping.
        percent: the columns whose numbers have the sign of percent.
    """
    for name, value in table.columns.items():
        if name not in rows.column_names:
            continue
        by = 100.0 if name in percent else value.divided_by
        if by == 100.0 and name not in percent and _is_share(rows[name]):
            by = None
        if by is not None:
            at = rows.column_names.index(name)
            quotient = pc.divide(rows[name].cast(pa.float64()), by)
            rows = rows.set_column(at, rows.schema.field(at), quotient.cast(rows.schema.field(at).type))
    return rows


def _is_share(values: pa.ChunkedArray) -> bool:
    """Return whether numbers that are usually percentages are shares: none above 1, and some below it."""
    top = pc.max(values).as_py()
    between = pc.and_(pc.greater(values, 0), pc.less(values, 1))
    return top is not None and top <= 1 and bool(pc.any(between).as_py())


def in_one_currency(rows: pa.Table, loaded: LoadedMapping, home: dict[str, Any], file: str) -> pa.Table:
    """Convert the amounts of the deals to the company's currency.

    Args:
        rows: the typed deals.
        loaded: the mapping, with currency and rates.
        home: amounts that the CRM has converted already, by our column: float64, null if it has not.
        file: the name of the deals' file, for messages.

    Returns:
        The deals with amounts in one currency, which the column `currency` names if the files or the mapping
        do.

    Raises:
        BadInputError: a currency has no rate, or nothing says which currency to convert to.
    """
    money = loaded.mapping.money
    given = rows["currency"].combine_chunks() if "currency" in rows.column_names else None
    amounts = [name for name in AMOUNTS if name in rows.column_names]
    converted: dict[str, pa.Array] = {}
    needed = pa.array([False] * len(rows))
    for name in amounts:
        own, done = rows[name], home.get(name)
        missing = pc.is_valid(own) if done is None else pc.and_(pc.is_valid(own), pc.is_null(done))
        needed = pc.or_(needed, missing)
        converted[name] = own if done is None else pc.coalesce(done, own)
    currency = money.currency
    if given is not None:
        codes = codes_of(given)
        open_ = codes.filter(pc.and_(needed, pc.is_valid(codes)))
        found = [code for code in pc.unique(open_).to_pylist() if code]
        currency = currency or _only(found, loaded, file, open_)
        rates = {_code(name): rate for name, rate in money.rates.items()} | (
            {currency: 1.0} if currency else {}
        )
        if without := [code for code in found if code not in rates]:
            raise BadInputError(
                f"{file}: amounts are in {counted(open_)}, and {loaded.name} has no rate for "
                f"{', '.join(sorted(without))}. Write what one unit is worth in {currency} into "
                f"{loaded.remedy_file}, for example `money: {{rates: {{{sorted(without)[0]}: 1.1}}}}`."
            )
        encoded = codes.dictionary_encode()
        factors = [rates.get(code, 1.0) for code in encoded.dictionary.to_pylist()]
        factor = pc.fill_null(pa.array(factors, pa.float64()).take(encoded.indices), 1.0)
        for name in amounts:
            done = home.get(name)
            own = pc.multiply(rows[name], factor)
            converted[name] = own if done is None else pc.coalesce(done, own)
    for name, values in converted.items():
        rows = rows.set_column(rows.column_names.index(name), name, values)
    return _named(rows, currency)


def _only(found: list[str], loaded: LoadedMapping, file: str, codes: pa.Array) -> str | None:
    """Return the one currency of the deals; None if no deal says its currency."""
    rates = {_code(name) for name in loaded.mapping.money.rates}
    unrated = [code for code in found if code not in rates]
    if len(unrated) <= 1:
        return unrated[0] if unrated else None
    raise BadInputError(
        f"{file}: amounts are in several currencies: {counted(codes)}. Say which one to count in, and what "
        f"one unit of each other is worth in it, in {loaded.remedy_file}, for example `money: {{currency: "
        f"{unrated[0]}, rates: {{{unrated[1]}: 1.1}}}}`."
    )


def _named(rows: pa.Table, currency: str | None) -> pa.Table:
    """Name the one currency of all amounts; without it, leave out the column."""
    if currency is None:
        return rows.drop_columns(["currency"]) if "currency" in rows.column_names else rows
    column = pa.array([currency], pa.string()).take(pa.array([0] * len(rows), pa.int64()))
    if "currency" in rows.column_names:
        return rows.set_column(rows.column_names.index("currency"), "currency", column)
    return rows.append_column("currency", column)
