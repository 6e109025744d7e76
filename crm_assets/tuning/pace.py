"""How far a search is, in a sentence, for the person who waits for it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from optuna.trial import FrozenTrial, TrialState

Say = Callable[[str], None]
# Seconds between two sentences.
_EVERY_S = 10.0


def in_words(seconds: float) -> str:
    """Return a duration, short enough for a line with a spinner.

    >>> in_words(20), in_words(100), in_words(9000)
    ('1 min', '2 min', '2.5 h')
    """
    return f"{math.ceil(seconds / 60)} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"


class Pace:
    """Says now and then how many trials of a search are done, the best so far, and how long it still takes.

    Args:
        trials: how many trials the search has.
        seconds: how long this worker may run.
        say: told the sentences.
    """

    def __init__(self, trials: int, seconds: float, say: Say) -> None:
        self._trials, self._say = trials, say
        self._start = self._last = time.monotonic()
        self._end = self._start + seconds
        self._before: int | None = None

    def tell(self, finished: Mapping[int, FrozenTrial]) -> None:
        """Say how far the search is, unless that was said a moment ago."""
        now, done = time.monotonic(), sum(number < self._trials for number in finished)
        if self._before is None:
            self._before = done
        if now - self._last < _EVERY_S or done == self._before:
            return
        self._last = now
        left = (now - self._start) / (done - self._before) * (self._trials - done)
        values = {n: t.value for n, t in finished.items() if t.state == TrialState.COMPLETE and t.value}
        gain = f", AUC {values[0]:.4f} to {max(values.values()):.4f}" if 0 in values else ""
        rest = in_words(min(left, self._end - now))
        self._say(f"{done} of {self._trials} trials{gain}, {rest} left")
