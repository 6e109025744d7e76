"""The distinct texts of a column, so that each is looked at once."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# What programs write where a number or a date is missing.
EMPTY = (
    *("", "-", "--", "\u2013", "\u2014", "n/a", "#n/a", "na", "null", "\\n", "none", "nan", "nat"),
    *("(blank)", "(null)", "0000-00-00", "0000-00-00 00:00:00"),
)
_SHOWN = 60


@dataclass(frozen=True)
class Texts:
    """A column of texts, each distinct one once.

    Attributes:
        distinct: shape (m,), the texts, trimmed; none is empty or a word of `EMPTY`.
        indices: shape (n,), the position of each row's text; null where the row has none.
    """

    distinct: pa.Array
    indices: pa.Array

    @classmethod
    def of(cls, column: pa.Array | pa.ChunkedArray) -> Self:
        """Return the texts of a column."""
        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if isinstance(whole, pa.ChunkedArray):
            whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], pa.string())
        encoded = whole.cast(pa.string()).dictionary_encode()
        trimmed = pc.utf8_trim_whitespace(_with_our_digits(encoded.dictionary))
        again = trimmed.dictionary_encode()
        empty = pc.is_in(pc.utf8_lower(again.dictionary), pa.array(EMPTY))
        # Positions of the texts that are left, null for empty ones.
        kept = pc.invert(empty)
        place = pc.subtract(pc.cumulative_sum(kept.cast(pa.int64())), 1)
        place = pc.if_else(kept, place, pa.scalar(None, pa.int64()))
        return cls(again.dictionary.filter(kept), place.take(again.indices).take(encoded.indices))

    @cached_property
    def counts(self) -> np.ndarray:
        """Shape (m,), how many rows have each text."""
        return np.bincount(self.indices.drop_null().to_numpy(), minlength=len(self.distinct))

    def count(self, mask: np.ndarray) -> int:
        """Return how many rows have one of the marked texts."""
        return int(self.counts[mask].sum())

    def rows(self, mask: np.ndarray) -> np.ndarray:
        """Mark the rows that have one of the marked texts."""
        marked = pc.fill_null(pa.array(mask, pa.bool_()).take(self.indices), False)
        return marked.to_numpy(zero_copy_only=False)


def _with_our_digits(texts: pa.Array) -> pa.Array:
    """Write digits of other scripts as 0 to 9, and Arabic decimal signs as ours.

    >>> _with_our_digits(pa.array(["\u0662\u0660\u0662\u0664", "\uff11\uff12"])).to_pylist()
    ['2024', '12']
    """
    if pc.all(pc.string_is_ascii(texts)).as_py() is not False:
        return texts
    return pa.array([one if one is None or one.isascii() else _digits(one) for one in texts.to_pylist()])


def _digits(text: str) -> str:
    marks = {"\u066b": ".", "\u066c": ","}
    return "".join(
        str(unicodedata.decimal(sign)) if sign.isdecimal() else marks.get(sign, sign) for sign in text
    )


def example(texts: Texts, mask: np.ndarray) -> str:
    """Return the first marked text, quoted for a sentence."""
    text = texts.distinct[int(np.flatnonzero(mask)[0])].as_py()
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")
