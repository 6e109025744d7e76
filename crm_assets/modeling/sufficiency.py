"""Whether the data is enough for a model: which months could be scored and tested, and why none can."""

from __future__ import annotations

from collections.abc import Mapping

from crm_assets.crm.targets import DEFAULT_TARGET, Target
from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling.folds import Split, split_months
from crm_assets.modeling.training_rows import TrainingRows

# With fewer wins to learn from, or fewer deals that are not won, a model would learn chance.
FEWEST_OF_EACH = 40


def split_of(rows: TrainingRows, min_training_months: int, test_months: int) -> Split:
    """Divide the months of a training set; see `usable_split`."""
    return usable_split(rows.deals, rows.wins, min_training_months, test_months, rows.target)


def usable_split(
    deals: Mapping[str, int],
    wins: Mapping[str, int],
    min_training_months: int,
    test_months: int,
    target: Target = DEFAULT_TARGET,
) -> Split:
    """Divide the labeled months; the first training months are as many as a model needs to see both outcomes.

    Args:
        deals: number of labeled rows by month.
        wins: number of them whose label is 1.
        min_training_months: how many labeled months a model needs at least before it scores the next month.
        test_months: how many months to report on.
        target: says when labels are known.

    Raises:
        NotEnoughDataError: no model can be trained, chosen and tested; the message says what is missing.
    """
    won, rest = sum(wins.values()), sum(deals.values()) - sum(wins.values())
    if min(won, rest) < FEWEST_OF_EACH:
        raise NotEnoughDataError(
            f"The past months show {won:,} times that an open deal was won in the next month and {rest:,} "
            f"times that it was not, but a model needs {FEWEST_OF_EACH} of each; add months or deals."
        )
    months = sorted(deals)
    needed = min_training_months
    while needed < len(months) and not _both(months, deals, wins, needed, target):
        needed += 1
    split = split_months(months, needed, test_months, target)
    for part in (split.validation, split.test):
        found = sum(wins[month] for month in part)
        if not 0 < found < sum(deals[month] for month in part):
            raise NotEnoughDataError(
                f"No open deal, or every one, is won in {', '.join(part)}: algorithms cannot be compared "
                "there; add months or lower CRM_TEST_MONTHS."
            )
    return split


def _both(
    months: list[str], deals: Mapping[str, int], wins: Mapping[str, int], needed: int, target: Target
) -> bool:
    """Return whether the first month that is scored has both outcomes before it."""
    known = next((k for m in months if len(k := target.labeled(months, m)) >= needed), [])
    return 0 < sum(wins[month] for month in known) < sum(deals[month] for month in known)
