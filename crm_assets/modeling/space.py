"""The search space of an algorithm: which arguments of its `build` a search may change, and how far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# A value that a search may give to a parameter.
Value = int | float | str
Parameters = Mapping[str, Value]


@dataclass(frozen=True)
class Parameter:
    """One dimension of a search space: a range of numbers, or a list of choices.

    Attributes:
        name: the keyword of the algorithm's `build`, whose default is the value without a search.
        low: the smallest value; a whole number makes all values whole.
        high: the largest value.
        log: whether factors count instead of differences.
        choices: all values that are possible, instead of a range.
    """

    name: str
    low: float = 0
    high: float = 0
    log: bool = False
    choices: tuple[Value, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether all values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def allows(self, value: Value) -> bool:
        """Return whether a search may try this value.

        >>> Parameter("depth", 1, 4).allows(3), Parameter("loss", choices=("a", "b")).allows("c")
        (True, False)
        """
        if self.choices:
            return value in self.choices
        if isinstance(value, str) or (self.whole and not isinstance(value, int)):
            return False
        return self.low <= value <= self.high
