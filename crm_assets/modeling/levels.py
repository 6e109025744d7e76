"""What is looked at in a column: each of the ways to sort its values into a few levels.

A leak need not be a missing value. A CRM may write a placeholder until the deal closes, swap one agent for
another, change a name's spelling, or round a number. Each sorting shows one kind of that.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

# How people write "no value", in lower case without blanks at the ends.
_WORDS = """
unknown unkown undefined unspecified unassigned empty blank missing none null nil nan na default generic
dummy test placeholder other misc any pending new todo select tbd tba tbc n/a n.a n.a. #n/a t.b.d. x xx xxx 0
- -- --- . .. ... ? ?? ??? <none> (none) [none] (blank) [blank] --none-- -none- --select-- -select-
keine unbekannt inconnu desconocido sconosciuto onbekend 不明 未知 неизвестно
"""
_PHRASES = """
to be determined;to be defined;to be confirmed;to do;not set;not specified;not assigned;not available;
not applicable;not known;no value;no account;no name;no data;please select;не указано
"""
DASHES = "\N{EN DASH}", "\N{EM DASH}"
PLACEHOLDERS = frozenset({"", *DASHES, *_WORDS.split(), *(phrase.strip() for phrase in _PHRASES.split(";"))})
# A level of fewer deals says little alone; it counts among the rare values.
MIN_SHARE = 0.01
MOST_LEVELS = 60
QUANTILES = 10
MISSING, NO_VALUE, RARE, OTHER = "missing", "missing or a placeholder", "a rare value", "any other value"


@dataclass(frozen=True)
class Sorting:
    """One way to sort a column's values.

    Attributes:
        codes: the level of each deal, shape (deals,).
        names: what each level is called, for people.
        few: whether each level is looked at alone; of many values only all together.
    """

    codes: np.ndarray
    names: list[str]
    few: bool = True


def sortings(column: pd.Series) -> Iterator[Sorting]:
    """Yield each way to look at a column, those that put all deals in one level left out."""
    codes, values = pd.factorize(column, sort=True)
    codes, counts = codes.astype("int32"), np.bincount(codes[codes >= 0], minlength=len(values))
    number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    ways = (
        _of_numbers(np.asarray(values, dtype="float64"), counts, len(column))
        if number
        else _of_texts([str(value) for value in values], counts, len(column))
    )
    seen: set[bytes] = set()
    for names, few in ways:
        # Missing is the last of the names, as code -1 is the last of an array.
        to, level_names = pd.factorize(np.array([*names, MISSING], dtype=object))
        used = np.unique(to[codes])
        if len(used) < 2 or (key := to.tobytes()) in seen:
            continue
        seen.add(key)
        yield Sorting(to[codes], list(level_names), few)


def _of_texts(values: list[str], counts: np.ndarray, deals: int) -> Iterator[tuple[list[str], bool]]:
    plain = [unicodedata.normalize("NFKC", value).strip().casefold() for value in values]
    blank = [text in PLACEHOLDERS for text in plain]
    often = _frequent(counts, deals)
    yield [repr(v) if b or o else RARE for v, b, o in zip(values, blank, often, strict=True)], True
    yield [MISSING if b else "a value" for b in blank], True
    yield [RARE if count <= 2 else "a value that others share" for count in counts], True
    for part in (_shape, _first_word, _last_word):
        names = [part(value) for value in values]
        shares = pd.Series(counts).groupby(np.array(names, dtype=object)).transform("sum").to_numpy()
        yield [n if o else OTHER for n, o in zip(names, _frequent(shares, deals, names), strict=True)], True
    yield [repr(value) for value in values], False


def _of_numbers(values: np.ndarray, counts: np.ndarray, deals: int) -> Iterator[tuple[list[str], bool]]:
    often = _frequent(counts, deals)
    yield [f"{v:g}" if o or v == 0 else OTHER for v, o in zip(values, often, strict=True)], True
    rank = (np.cumsum(counts) - counts / 2) / max(counts.sum(), 1)
    place = np.minimum((rank * QUANTILES).astype("int64"), QUANTILES - 1)
    span = {p: f"{values[place == p].min():g} to {values[place == p].max():g}" for p in np.unique(place)}
    yield [span[p] for p in place], True
    yield [_roundness(value) for value in values], True
    yield ["0" if value == 0 else "a value" for value in values], True
    yield [RARE if count <= 2 else "a value that others share" for count in counts], True


def _frequent(counts: np.ndarray, deals: int, names: list[str] | None = None) -> np.ndarray:
    """Which counts are worth a level of their own."""
    worth = counts >= MIN_SHARE * deals
    distinct = counts if names is None else pd.Series(counts).groupby(np.array(names, dtype=object)).max()
    if np.count_nonzero(distinct >= MIN_SHARE * deals) > MOST_LEVELS:
        worth &= counts >= np.sort(np.asarray(distinct))[-MOST_LEVELS]
    return worth


def _shape(value: str) -> str:
    letters = [c for c in value if c.isalpha()]
    case = (
        "no letters"
        if not letters
        else "lower case"
        if value == value.lower()
        else "upper case"
        if value == value.upper()
        else "capitals"
    )
    marks = [
        ("digits", any(c.isdigit() for c in value)),
        ("brackets", any(c in "()[]{}<>" for c in value)),
        ("not ASCII", not value.isascii()),
        ("blanks at an end", value != value.strip()),
        ("a mark at the end", bool(value) and not value[-1].isalnum()),
    ]
    return " with ".join([case, *(name for name, there in marks if there)])


def _first_word(value: str) -> str:
    return f"starting with {words[0]!r}" if len(words := re.findall(r"\w+", value)) > 1 else "one word"


def _last_word(value: str) -> str:
    return f"ending with {words[-1]!r}" if len(words := re.findall(r"\w+", value)) > 1 else "one word"


def _roundness(value: float) -> str:
    if value == 0:
        return "0"
    for unit in (10_000, 1_000, 100, 10, 1):
        if value % unit == 0:
            return f"a multiple of {unit}"
    return "with decimals"
