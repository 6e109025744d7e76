"""The factors that move a deal in the hazard model; a module of its own, since the definitions import it."""

AGE, SEASON, GROUP, COHORT, PRODUCT = FACTORS = ("age", "season", "group", "cohort", "product")
