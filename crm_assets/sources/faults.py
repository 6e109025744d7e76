"""Faults: rows that break a rule, described in a sentence with file, column, rows, values and remedy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from crm_assets.crm.rules import Rule
from crm_assets.crm.schema import SOURCE_ROW

ROWS_SHOWN = 5
# The metadata of a column that says what its file calls it, if it is not our name.
CALLED = b"called"


def shortened(text: str, length: int = 60) -> str:
    """Cut a text from a file to a length that fits into a sentence.

    >>> shortened("GTX Pro", 5)
    'GTX …'
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"


def called(text: pa.Table, column: str) -> str:
    """Return what to call a column in a sentence: what its file calls it, and then what we do.

    Args:
        text: rows as text; the metadata of a field may say what the file calls it.
        column: our name.
    """
    theirs = (text.schema.field(column).metadata or {}).get(CALLED, b"").decode()
    return f"{theirs} ({column})" if theirs and theirs != column else column


@dataclass(frozen=True)
class Fault:
    """What is wrong with some rows of a raw table.

    Attributes:
        rule: name of the rule that they break.
        column: the column that is wrong.
        what: what is wrong with its values, for example `is negative`.
        remedy: what to do, in the imperative.
        positions: the rows, as positions in the table, in order.
    """

    rule: str
    column: str
    what: str
    remedy: str
    positions: np.ndarray

    @classmethod
    def of(cls, rule: Rule, positions: np.ndarray) -> Fault:
        """Return the fault of rows that break a rule."""
        return cls(rule.name, rule.blames, rule.what, rule.remedy, positions)

    def at(self, positions: np.ndarray) -> Fault:
        """Return the same fault of other rows."""
        return replace(self, positions=positions)

    def sentence(self, file: str, text: pa.Table) -> str:
        """Describe the fault to people.

        Args:
            file: the name of the file.
            text: its rows as text, with their numbers.
        """
        rows = text[SOURCE_ROW.name].to_numpy()[self.positions]
        more = len(rows) - ROWS_SHOWN
        shown = f"{', '.join(map(str, rows[:ROWS_SHOWN]))}{f' and {more} more' if more > 0 else ''}"
        found = text[self.column].take(pa.array(self.positions[:ROWS_SHOWN])).to_pylist()
        values = list(dict.fromkeys(repr(shortened(value)) if value else "empty" for value in found))
        what = self.what if len(values) == 1 else _plural(self.what)
        return (
            f"{file}, column {called(text, self.column)}, row{'s' if len(rows) > 1 else ''} {shown}: "
            f"{', '.join(values)} {what}; {self.remedy}."
        )


def _plural(what: str) -> str:
    """Put the verb that begins a text into the plural.

    >>> _plural("is negative"), _plural("lies in the future"), _plural("where a value is required")
    ('are negative', 'lie in the future', 'where a value is required')
    """
    verb, _, rest = what.partition(" ")
    return f"{'are' if verb == 'is' else verb.removesuffix('s')} {rest}"
