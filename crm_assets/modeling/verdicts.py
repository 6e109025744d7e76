"""The words of the leak audit, for those who only read its table."""

ADMISSIBLE, INADMISSIBLE = "admissible", "inadmissible"
