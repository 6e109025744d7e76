"""Read a column of numbers, with one decimal sign for the whole column."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.sources.texts import Texts, example

POINT, COMMA = "1,234.5", "1.234,5"
FORMS = {POINT: (".", ","), COMMA: (",", ".")}
CODES = (
    *(
        "AED",
        "ARS",
        "AUD",
        "BGN",
        "BRL",
        "CAD",
        "CHF",
        "CLP",
        "CNY",
        "COP",
        "CZK",
        "DKK",
        "EGP",
        "EUR",
        "GBP",
    ),
    *(
        "HKD",
        "HUF",
        "IDR",
        "ILS",
        "INR",
        "JPY",
        "KES",
        "KRW",
        "MAD",
        "MXN",
        "MYR",
        "NGN",
        "NOK",
        "NZD",
        "PEN",
    ),
    *(
        "PHP",
        "PKR",
        "PLN",
        "RON",
        "RSD",
        "RUB",
        "SAR",
        "SEK",
        "SGD",
        "THB",
        "TRY",
        "TWD",
        "UAH",
        "USD",
        "VND",
    ),
    *("ZAR", "kr", "kr.", "K\u010d", "z\u0142", "Ft", "Fr.", "Rs", "Rs.", "lei"),
    *("R$", "A$", "C$", "US$", "HK$", "NZ$", "S$", "NT$"),
)

_PLAIN = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_CODE = "|".join(re.escape(code) for code in sorted(CODES, key=len, reverse=True))
_MONEY = rf"(?i:{_CODE})|\p{{Sc}}"
# The minus of a keyboard, the mathematical one and a dash; a straight and a curved apostrophe; any space.
_MINUS = "[\u2212\u2013-]"
_GROUP = "['\u2019\\s\\p{Z}]"
_BLANKS = r"[\s\p{Z}]*"
_SIGNED = (
    rf"^(?P<open>\()?(?P<minus>{_MINUS}|\+)?{_BLANKS}(?P<before>{_MONEY})?{_BLANKS}(?P<inner>{_MINUS})?"
    rf"{_BLANKS}(?P<digits>(?:[\d.,]|{_GROUP})*\d[.,]?){_BLANKS}(?P<after>{_MONEY})?{_BLANKS}"
    rf"(?P<late>{_MINUS})?(?P<close>\))?$"
)
# Prices without cents: 5,- or 5.--
_WITHOUT_CENTS = rf"(\d)[.,](?:{_MINUS}|\x{{2014}})+([\s\p{{Z}}]|$)"
_GROUPED = rf"^\d{{1,3}}(?:{_GROUP}\d{{3}})+(?:[.,]\d*)?$"
_MARKED = r"^[\d.,]*$"
# One mark with three digits after it may divide thousands or decimals: 1.200.
_EITHER = r"^[1-9]\d{0,2}[.,]\d{3}$"


@dataclass(frozen=True)
class Numbers:
    """A column of numbers.

    Attributes:
        values: shape (n,), float64; null where the text is empty or is not read.
        form: how the column writes numbers, `1,234.5` or `1.234,5`; empty if no value tells.
        unreadable: shape (n,), the texts that are no number.
        note: what was decided, and why, in words that follow the column's name; None if it is plain.
        refused: why the column is not read at all, in words that follow the column's name; else None.
        open_question: whether other columns of the file may answer why it is refused.
        currency: the currency sign or code that the values have, if any.
    """

    values: pa.Array
    form: str
    unreadable: np.ndarray
    note: str | None = None
    refused: str | None = None
    open_question: bool = False
    currency: str | None = None


def numbers(
    column: pa.Array | pa.ChunkedArray, declared: str | None = None, form: str | None = None
) -> Numbers:
    """Read a column of numbers: `$1,200.00`, `1.200,00 €`, `(300)`, `1 200`, `1'200.5`, `3e5`.

    Args:
        column: shape (n,), strings; null or blank if empty.
        declared: how the column writes numbers, `1,234.5` or `1.234,5`; None to find out.
        form: the form of other columns of the file; decides where the values cannot.

    Returns:
        The numbers. If `refused` is set, they are all null.
    """
    texts = Texts.of(column)
    digits, negative, currencies = _signed(texts)
    if len(currencies) > 1:
        return _refused(texts, f"has amounts in several currencies ({', '.join(currencies)})")
    fits = {name: _fits(digits, *FORMS[name]) for name in FORMS}
    chosen, note, refused, unsure = _decide(texts, digits, fits, declared, form)
    if refused:
        return _refused(texts, refused, open_question=unsure)
    decimal, group = FORMS[chosen or POINT]
    plain = pc.replace_substring(pc.replace_substring(digits, group, ""), decimal, ".")
    readable = fits[chosen or POINT]
    values = pc.if_else(pa.array(readable), plain, pa.scalar(None, pa.string())).cast(pa.float64())
    values = pc.if_else(pa.array(negative), pc.negate(values), values)
    finite = pc.fill_null(pc.is_finite(values), False)
    values = pc.if_else(finite, values, pa.scalar(None, pa.float64()))
    unreadable = ~finite.to_numpy(zero_copy_only=False)
    return Numbers(
        values.take(texts.indices),
        chosen or "",
        texts.rows(unreadable),
        note,
        currency=next(iter(currencies), None),
    )


def without_currency(column: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    """Take the signs and codes of currencies off amounts.

    >>> [part.to_pylist() for part in without_currency(pa.array(["$1,200.00", "5 EUR", "7"]))]
    [['1,200.00', '5 ', '7'], ['$', 'EUR', None]]

    Args:
        column: shape (n,), strings, null if empty.

    Returns:
        The amounts, and the sign or code of each, null if it has none; None in place of these if none has.
    """
    money = rf"(?:{_MONEY})"
    written = pc.and_(pc.match_substring_regex(column, money), pc.match_substring_regex(column, r"\d"))
    if not pc.any(pc.fill_null(written, False)).as_py():
        return column, None
    found = pc.extract_regex(column, pattern=rf"(?P<currency>{_MONEY})").field(0)
    signs = pc.if_else(written, found, pa.scalar(None, pa.string()))
    return pc.if_else(written, pc.replace_substring_regex(column, money, ""), column), signs


def _signed(texts: Texts) -> tuple[pa.Array, np.ndarray, list[str]]:
    """Take signs, currencies and spaces off.

    Returns:
        The digits with their marks, null if a text is no number; which are negative; the currencies.
    """
    plain = pc.match_substring_regex(texts.distinct, _PLAIN)
    if pc.all(plain).as_py() is not False:
        negative = pc.starts_with(texts.distinct, "-").to_numpy(zero_copy_only=False)
        return pc.replace_substring_regex(texts.distinct, "^[+-]", ""), negative, []
    whole = pc.replace_substring_regex(texts.distinct, _WITHOUT_CENTS, r"\1\2")
    found = pc.extract_regex(whole, pattern=_SIGNED)
    part = dict(zip([field.name for field in found.type], found.flatten(), strict=True))
    opened, closed = pc.equal(part["open"], "("), pc.equal(part["close"], ")")
    sound = pc.fill_null(pc.equal(opened, closed), False)
    digits = pc.utf8_trim_whitespace(part["digits"])
    grouped = pc.fill_null(pc.match_substring_regex(digits, _GROUPED), False)
    digits = pc.if_else(grouped, pc.replace_substring_regex(digits, _GROUP, ""), digits)
    sound = pc.and_(sound, pc.fill_null(pc.match_substring_regex(digits, _MARKED), False))
    digits = pc.if_else(sound, digits, pa.scalar(None, pa.string()))
    minus = [pc.match_substring_regex(part[name], _MINUS) for name in ("minus", "inner", "late")]
    negative = opened
    for one in minus:
        negative = pc.or_(negative, one)
    # Plain texts may have exponents, which the pattern above does not know.
    unsigned = pc.replace_substring_regex(texts.distinct, "^[+-]", "")
    digits = pc.if_else(plain, unsigned, digits)
    negative = pc.if_else(plain, pc.starts_with(texts.distinct, "-"), pc.fill_null(negative, False))
    money = pa.chunked_array([part["before"], part["after"]]).filter(pa.chunked_array([sound, sound]))
    currencies = sorted({sign.upper() for sign in pc.unique(money).to_pylist() if sign})
    return digits, negative.to_numpy(zero_copy_only=False), currencies


def _fits(digits: pa.Array, decimal: str, group: str) -> np.ndarray:
    """Return which digits are a number in a form."""
    d, g = f"[{decimal}]", f"[{group}]"
    pattern = (
        rf"^(?:\d{{1,3}}(?:{g}\d{{2,3}})*{g}\d{{3}}(?:{d}\d*)?|\d+{d}?\d*|{d}\d+)$|^\d+{d}?\d*[eE][+-]?\d+$"
    )
    return pc.fill_null(pc.match_substring_regex(digits, pattern), False).to_numpy(zero_copy_only=False)


def _decide(
    texts: Texts, digits: pa.Array, fits: dict[str, np.ndarray], declared: str | None, hint: str | None
) -> tuple[str | None, str | None, str | None, bool]:
    """Return the form of a column, a note, why it is refused, and whether other columns may answer."""
    if declared is not None:
        return declared, None, None, False
    only = {name: fits[name] & ~fits[other] for name, other in ((POINT, COMMA), (COMMA, POINT))}
    counts = {name: texts.count(mask) for name, mask in only.items()}
    # A mark with one, two or more than three digits after it reads the same in one form only.
    either = pc.fill_null(pc.match_substring_regex(digits, _EITHER), False).to_numpy(zero_copy_only=False)
    chosen = max(counts, key=lambda name: counts[name])
    if counts[chosen]:
        other = COMMA if chosen == POINT else POINT
        if counts[other] > max(1, 0.05 * counts[chosen]):
            shown = " and ".join(
                f"{counts[name]:,} values only like {name}, for example {example(texts, only[name])}"
                for name in (chosen, other)
            )
            return None, None, f"mixes decimal signs: it reads {shown}", False
        note = None if chosen == POINT else f"is read like {COMMA}, for example {example(texts, only[COMMA])}"
        return chosen, note, None, False
    if not either.any():
        return None, None, None, False
    if hint is not None:
        return hint, f"is read like {hint}, as the other numbers of the file are", None, False
    commas = pc.fill_null(pc.match_substring(digits, ","), False).to_numpy(zero_copy_only=False)
    if (either & commas).any() and not (either & ~commas).any():
        return POINT, f"is read like {POINT}: commas divide thousands", None, False
    return (
        None,
        None,
        f"may have a point before decimals or between thousands, for example {example(texts, either)}",
        True,
    )


def _refused(texts: Texts, why: str, *, open_question: bool = False) -> Numbers:
    n = len(texts.indices)
    values = pa.nulls(n, pa.float64())
    return Numbers(values, "", np.zeros(n, dtype=bool), refused=why, open_question=open_question)
