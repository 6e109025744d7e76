"""The words of the audit's and the champion's tables, for those who only read them."""

ADMISSIBLE, INADMISSIBLE = "admissible", "inadmissible"
SEASONAL_RATE = "seasonal_rate"
