"""What a version cannot know or do, in sentences: some hold for every version, most follow from its data."""

from __future__ import annotations

import calendar
from collections.abc import Sequence

import pandas as pd

from crm_assets.crm.archive import Dump
from crm_assets.modeling.baselines import PLACE
from crm_assets.modeling.champion import Candidate
from crm_assets.modeling.training_rows import TrainingRows
from crm_assets.modeling.verdicts import UNPROVEN
from crm_assets.monitoring.markdown import number

ALWAYS = (
    "It scores deals that are open at a month's end. Deals that are engaged later are in the forecast only "
    "as new business.",
    "It has learned what was, not what causes a win: do not read a reason as advice to change a deal.",
    "If the relation between features and wins changes, it cannot see that before the outcomes of a month "
    "are known.",
    "It was tested on whole months. A slice with few wins says little.",
)
QUARTER = 3


def known_limits(
    candidate: Candidate,
    scored: dict[str, float],
    rows: TrainingRows,
    audit: pd.DataFrame,
    dumps: Sequence[Dump],
) -> list[str]:
    """Return the known limits of a candidate.

    Args:
        candidate: the model and its evidence.
        scored: its metrics on the test months.
        rows: the training set.
        audit: the table `leak_audit`.
        dumps: the archived dumps in use, oldest first.
    """
    return [
        *_of_months(candidate, rows),
        *_of_search(candidate),
        *_of_evidence(scored, candidate.seasonal_test),
        *_of_data(audit, dumps),
        *ALWAYS,
    ]


def _of_months(candidate: Candidate, rows: TrainingRows) -> list[str]:
    target, months = candidate.target, candidate.trained_months
    said = [
        f"It learned from {len(months)} months with {number(sum(rows.wins.values()))} wins. The next months "
        "may differ in ways that these do not show."
    ]
    seen = {int(target.last_month(month)[5:]) for month in months}
    if unseen := [calendar.month_name[number] for number in range(1, 13) if number not in seen]:
        said.append(f"It has not seen the outcome of any {' or '.join(unseen)}.")
    if (place := rows.get(PLACE)) is not None and len(missing := _unseen_places(place)):
        said.append(f"It has not seen month {' or '.join(missing)} of a quarter.")
    return said


def _of_search(candidate: Candidate) -> list[str]:
    if not candidate.trials:
        return []
    return [
        f"Its parameters are the best of {number(candidate.trials)} configurations on validation months, so "
        "their scores flatter it. The test months did not choose."
    ]


def _unseen_places(place: pd.Series) -> list[str]:
    seen = set(place.dropna().astype(int))
    return [str(number) for number in range(1, QUARTER + 1) if number not in seen]


def _of_evidence(own: dict[str, float], seasonal: dict[str, float]) -> list[str]:
    said = []
    for name, better in (("roc_auc", 1), ("brier", -1), ("ece", -1)):
        if (own[name] - seasonal[name]) * better < 0:
            said.append(
                f"On the test months its {name.replace('_', ' ')} ({number(own[name], 3)}) is worse than "
                f"that of the seasonal rate ({number(seasonal[name], 3)})."
            )
    expected, came = own["expected_wins"], own["realized_wins"]
    if came and abs(expected / came - 1) >= 0.1:
        more, share = "more" if expected > came else "fewer", number(100 * abs(expected / came - 1))
        said.append(f"On the test months it expected {share} % {more} wins than came.")
    return said


def _of_data(audit: pd.DataFrame, dumps: Sequence[Dump]) -> list[str]:
    said = []
    unsure = audit.loc[(audit["verdict"] == UNPROVEN) & audit["used"], "feature"].tolist()
    if unsure:
        names = ", ".join(f"`{name}`" for name in unsure)
        said.append(f"It uses features of which the audit cannot tell whether closing writes them: {names}.")
    if len(dumps) < 2:
        said.append(
            "Months before the newest dump are reconstructed from it: a value without a date may have been "
            "written later. A second archived dump will show which columns change when deals close."
        )
    else:
        said.append(
            f"Months before the first archived dump ({dumps[0].name}) are reconstructed: a value without a "
            "date may have been written later."
        )
    return said
