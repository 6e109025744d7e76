"""Find columns by name, and compare texts, as people do: case, blanks and punctuation do not matter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.sources.mapping.schema import ANY

# Warehouse connectors write these before the CRM's own name of a field.
CONNECTOR_PREFIX = re.compile(r"^propert(y|ies)[._]{1,2}")
# What programs and people of many languages write for yes and no.
TRUE = frozenset(
    (
        *(
            "true",
            "t",
            "yes",
            "y",
            "1",
            "x",
            "on",
            "checked",
            "\u2713",
            "\u2714",
            "wahr",
            "ja",
            "j",
            "vrai",
            "oui",
        ),
        *("sí", "si", "verdadero", "vero", "sim", "verdadeiro", "waar", "sant", "tak", "prawda", "ano"),
        *("\u0434\u0430", "\u306f\u3044", "\u662f"),
    )
)
FALSE = frozenset(
    (
        *("false", "f", "no", "n", "0", "off", "unchecked", "\u2717", "falsch", "nein", "faux", "non"),
        *("falso", "não", "onwaar", "nee", "falskt", "nej", "nie", "fałsz", "ne"),
        *("\u043d\u0435\u0442", "\u3044\u3044\u3048", "\u5426"),
    )
)
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?%?")


@lru_cache(maxsize=10_000)
def plain(name: str) -> str:
    """Return the letters and digits of a column's name, in lower case, without a connector's prefix.

    >>> plain("Is Closed"), plain("is_closed"), plain("property_dealname")
    ('isclosed', 'isclosed', 'dealname')
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(sign for sign in CONNECTOR_PREFIX.sub("", folded) if sign.isalnum())


def column_in(header: Sequence[str], name: str) -> str | None:
    """Return the column of a header that a name means: this very one, else one that reads the same."""
    if name in header:
        return name
    return next((column for column in header if column and plain(column) == plain(name)), None)


def same(text: str) -> str:
    """Return a text in the form in which two spellings of it compare equal: only case and blanks differ.

    >>> same(" Closed  won ") == same("CLOSED WON")
    True
    """
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _forms(text: str) -> set[str]:
    """Return all forms of a value that mean the same: yes and no, and a number with or without decimals."""
    value = same(text)
    if value in TRUE:
        return {"true", value}
    if value in FALSE:
        return {"false", value}
    if _NUMBER.fullmatch(value):
        number = float(value.rstrip("%").replace(",", "."))
        forms = {value, repr(number)}
        # A truth value may be written as a decimal number.
        return forms | ({"true", "1"} if number == 1 else {"false", "0"} if number == 0 else set())
    return {value}


def among(values: pa.Array, wanted: Iterable[str]) -> pa.Array:
    """Mark the values that mean the same as one of the wanted texts; never null.

    Args:
        values: shape (n,), strings.
        wanted: the texts; `*` stands for any value, an empty text for none.
    """
    wanted = tuple(wanted)
    encoded = values.dictionary_encode()
    if ANY in wanted:
        return pc.is_valid(values)
    forms = set().union(*(_forms(text) for text in wanted)) if wanted else set()
    marks = pa.array([bool(_forms(text) & forms) for text in encoded.dictionary.to_pylist()], pa.bool_())
    found = marks.take(encoded.indices)
    return pc.fill_null(found, "" in wanted)


def truths(values: pa.Array) -> pa.Array:
    """Mark the values that mean true or false."""
    encoded = values.dictionary_encode()
    known = [bool(_forms(text) & {"true", "false"}) for text in encoded.dictionary.to_pylist()]
    return pc.fill_null(pa.array(known, pa.bool_()).take(encoded.indices), False)


def counted(values: pa.Array, limit: int = 8) -> str:
    """Return the most frequent texts with their counts, for a sentence.

    >>> counted(pa.array(["a", "b", "a", None]))
    "'a' (2), 'b' (1), empty (1)"
    """
    counts = pc.value_counts(values).to_pylist()
    ordered = sorted(counts, key=lambda one: (-one["counts"], one["values"] is None, str(one["values"])))
    shown = [f"{_shown(one['values'])} ({one['counts']:,})" for one in ordered[:limit]]
    more = len(ordered) - limit
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _shown(text: str | None) -> str:
    if text is None:
        return "empty"
    return repr(text if len(text) <= 40 else f"{text[:39]}…")
