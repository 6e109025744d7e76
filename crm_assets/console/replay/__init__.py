"""`make replay`: a dump that is complete, lived through again month by month."""
