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
    """Return a duration as a person says it.

    >>> in_words(20), in_words(100), in_words(9000)
    ('less than a minute', '2 minutes', '2.5 hours')
    """
    if seconds < 60:
        return "less than a minute"
    return f"{math.ceil(seconds / 60)} minutes" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} hours"


class Pace:
    """Says now and then how many trials of a search are done, what the best one is, and how long it still takes.

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
        best = f"; best ROC AUC {max(values.values()):.4f}" if values else ""
        before = f", {values[0]:.4f} without a search" if 0 in values else ""
        text = f"{done} of {self._trials} trials are done{best}{before}"
        self._say(f"{text}; {in_words(min(left, self._end - now))} left")
