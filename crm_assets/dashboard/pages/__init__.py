"""A page per question."""
