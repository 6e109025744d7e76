"""`make replay`: replay a complete dump month by month."""
