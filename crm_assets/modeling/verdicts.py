"""Values in the tables `leak_audit` and `champion`, and the thresholds of the verdicts with their reasons.

The figures come from `python -m benchmarks.leaks`; docs/leak-audit.md holds its table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

ADMISSIBLE, INADMISSIBLE, UNPROVEN, ABSENT = "admissible", "inadmissible", "unproven", "absent"
# The order in which people see verdicts, before all that is admissible.
WORST_FIRST = (INADMISSIBLE, UNPROVEN, ABSENT)
SEASONAL_RATE = "seasonal_rate"
# What speaks if the data is not enough for a model; it has no version.
POOLED_RATE, NO_VERSION = "pooled_rate", "none"
# What makes the predictions if no model does.
RATES = (POOLED_RATE, SEASONAL_RATE)

# Days after closing that a CRM may take to rewrite a value; the audit tries each.
DELAYS = (0, 30, 75, 150)
# Days before the horizon at which a CRM may have begun to rewrite values; the audit tries each. Of `DELAYS`.
BEGINNINGS = (75, 150)
# Chance that in an honest dump any of the tested levels differs between outcomes.
FALSE_ALARM = 0.01
# A smaller share of the deals, or of the variance, moves the validation ROC AUC by less than 0.01.
MIN_EFFECT, MIN_STRENGTH = 0.05, 0.004
# Rewriting at closing makes statuses differ equally in all cohorts: leaks have a fit of 0.88 or more.
# Channels that grow, close faster or are launched late have 0.2 to 0.8.
MIN_FIT, CLOSE_FIT = 0.85, 0.95
# The slope's interval must exclude 0 (values known from the start) by this much: less if the fit is close,
# more if the interval is wide.
MIN_SLOPE, MIN_SLOPE_IF_CLOSE, MIN_SLOPE_IF_WIDE = 0.25, 0.15, 0.50
WIDE, WIDE_IF_CLOSE, MAX_ERROR = 0.50, 0.75, 1.0
# The interval must contain a value near 1. Rewriting within days of a tested delay gives up to 1.4.
NEAR_ONE_FROM, NEAR_ONE_TO, MAX_SLOPE = 0.75, 1.25, 2.0
# Levels much weaker than the strongest of their column only move with it, since their shares add up to one.
SHARE_OF_STRONGEST = 0.30

# Doubt needs more: a smaller part of the variance moves the validation ROC AUC by less than 0.02.
MIN_DOUBTFUL_STRENGTH, DOUBTFUL_SHARE_OF_STRONGEST = 0.010, 0.5
# Below this fit, rewriting cannot explain the difference of closed deals, however wide the slope's interval.
MAX_HONEST_FIT = 0.80
# An interval that ends below this contains no value near 1, which clears a column.
MAX_HONEST_SLOPE = 0.75
# If all closed deals together look like open ones, up to this part of the difference between won and lost and
# within a standard error, a value tells who wins and not who has closed: rewriting would do that only by
# coincidence. It is never convicted: months differ in how many they win, and what foretells winning follows
# that. A value tied to the outcome as strongly as the second figure (for example a rating that is hot for
# nearly all won deals) stays in doubt.
MAX_SHIFT, MAX_BALANCED_STRENGTH = 0.20, 0.35

# A single honest feature reaches 0.92 within a month (`days_open` against closing later, on the real dump).
MAX_SINGLE_FEATURE_AUC = 0.97

# Two dumps convict a column that changes on so many more of the closed deals than of the open ones, and so
# many times as often; they clear it if at most this share of its values changes, then or at other times.
MIN_EXCESS, MIN_TIMES_AS_OFTEN, MAX_CHANGES_IF_CLEARED = 0.02, 2.0, 0.02

# The champion's mean score of the newest month has collapsed if it is less than this part of the lowest of
# the six months before it, and lower by this many standard errors. In clean dumps it is 0.87 of it or more.
COLLAPSED_RATIO, COLLAPSED_ERRORS = 0.85, 2.5

# An unproven column that adds more than this to the validation ROC AUC stays out until an operator admits it.
# The error of that AUC is about 0.008: less is hardly worth a doubt, and costs little if it is false.
MAX_UNPROVEN_PRICE = 0.02

# Planned dates are overwritten at closing if this part of the closed deals has a plan for the very day they
# closed: sellers who plan honestly hit the day in a few percent.
MAX_PLANNED_FOR_THE_DAY = 0.20
# They are moved while the deal is open if this part of the old open deals plans longer than the recent ones.
MAX_PLANS_MOVED = 0.10


def worst_first(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `leak_audit`, the worst verdicts first and otherwise in their order."""
    order = verdicts["verdict"].map({verdict: place for place, verdict in enumerate(WORST_FIRST)})
    return verdicts.iloc[order.fillna(len(WORST_FIRST)).argsort(kind="stable")]
