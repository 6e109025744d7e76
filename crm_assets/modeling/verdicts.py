"""The audit's and the champion's words, and the thresholds that the verdicts depend on, with their reasons.

The figures are from `python -m benchmarks.leaks`, whose table is docs/leak-audit.md.
"""

from __future__ import annotations

ADMISSIBLE, INADMISSIBLE, UNPROVEN = "admissible", "inadmissible", "unproven"
SEASONAL_RATE = "seasonal_rate"

# Days after closing that a CRM may take to rewrite a value; each is looked at.
DELAYS = (0, 30, 75, 150)
# Chance that an honest dump has one level, of all that are looked at, that differs between outcomes.
FALSE_ALARM = 0.01
# Less than this share of deals, or of the variance, moves the validation ROC AUC by less than 0.01.
MIN_EFFECT, MIN_STRENGTH = 0.05, 0.004
# Rewriting at closing makes statuses differ alike in all cohorts: leaks fit by 0.88 and more. Channels that
# grow, close faster or are launched late fit by 0.2 to 0.8.
MIN_FIT, CLOSE_FIT = 0.85, 0.95
# The slope's interval excludes 0, what was there from the start: by so much, the less the better the fit; and
# by far where the interval is wide.
MIN_SLOPE, MIN_SLOPE_IF_CLOSE, MIN_SLOPE_IF_WIDE = 0.25, 0.15, 0.50
WIDE, WIDE_IF_CLOSE, MAX_ERROR = 0.50, 0.75, 1.0
# It holds a value near 1. Rewriting within days of a delay that is looked at gives up to 1.4.
NEAR_ONE_FROM, NEAR_ONE_TO, MAX_SLOPE = 0.75, 1.25, 2.0
# Levels much weaker than the strongest of their column move with it: their shares add up to one.
SHARE_OF_STRONGEST = 0.30

# Doubt needs more: less than this part of the variance moves the validation ROC AUC by less than 0.02.
MIN_DOUBTFUL_STRENGTH, DOUBTFUL_SHARE_OF_STRONGEST = 0.010, 0.5
# Below it, rewriting cannot be what makes closed deals different, however wide the slope's interval.
MAX_HONEST_FIT = 0.80
# An interval that ends below it holds no value near 1: that clears a column.
MAX_HONEST_SLOPE = 0.75
# Where closed deals taken together look like open ones, up to this part of the difference between won and
# lost, and within a standard error, a value tells who wins and not who has closed: rewriting would do that
# only by coincidence. What is tied to the outcome as strongly as the second figure (a rating that is hot for
# nearly all that is won) stays in doubt.
MAX_SHIFT, MAX_BALANCED_STRENGTH = 0.20, 0.35

# A single honest feature reaches 0.92 within a month (`days_open` against closing later, on the real dump).
MAX_SINGLE_FEATURE_AUC = 0.97

# An unproven column that adds more than this to the validation ROC AUC stays out until an operator admits it.
# The error of that AUC is about 0.008: less is hardly worth a doubt, and costs little if it is false.
MAX_UNPROVEN_PRICE = 0.02
