"""How a broken rule is told: file, column, rows, values and remedy in one sentence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crm_assets.crm.schema import RawTable
from crm_assets.errors import BadInputError

ROWS_SHOWN = 5


def shortened(text: str, length: int = 60) -> str:
    """A text from a file, cut to what a sentence can hold.

    >>> shortened("GTX Pro", 5)
    'GTX …'
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"


@dataclass(frozen=True)
class Violation:
    """Rows of a raw table that break one rule.

    Attributes:
        table: the table.
        rule: short name of the rule, as in `close_before_engage`.
        column: the column that is wrong.
        rows: spreadsheet rows (the header is row 1), in order.
        values: the values found there, as text, in the same order.
        what: what is wrong with them, as in `is not a number`.
        remedy: what to do, in the imperative.
    """

    table: RawTable
    rule: str
    column: str
    rows: np.ndarray
    values: list[str]
    what: str
    remedy: str

    def sentence(self) -> str:
        """The violation for people."""
        shown = ", ".join(str(row) for row in self.rows[:ROWS_SHOWN])
        more = len(self.rows) - ROWS_SHOWN
        where = f"row{'s' if len(self.rows) > 1 else ''} {shown}{f' and {more} more' if more > 0 else ''}"
        distinct = list(
            dict.fromkeys(repr(shortened(value)) if value else "empty" for value in self.values[:ROWS_SHOWN])
        )
        return (
            f"{self.table.file_name}, column {self.column}, {where}: "
            f"{', '.join(distinct)} {self.what}; {self.remedy}."
        )

    def error(self) -> BadInputError:
        """The violation as an error."""
        return BadInputError(self.sentence())
