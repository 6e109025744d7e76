"""Values in the tables `leak_audit` and `champion`, for code that only reads the tables."""

ADMISSIBLE, INADMISSIBLE = "admissible", "inadmissible"
SEASONAL_RATE = "seasonal_rate"
