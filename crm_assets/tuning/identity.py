"""What decides the result of a search: its name, and how the task of a worker differs from it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import version

from crm_assets.modeling.tuning import Task

# Longer values say less than their name.
LONGEST = 60


def decided_by(task: Task) -> dict[str, object]:
    """Return all that decides the result of a search, in the words of a person."""
    return {
        "the source": task.source,
        "the code of the algorithm, or the version of Python": task.code,
        "the training set": task.rows.fingerprint,
        "the target": task.rows.target.name,
        "the features": task.features,
        "the validation months": task.months,
        "CRM_SEED": task.seed,
        "the search space": task.algorithm.space,
        "the most training rows": task.algorithm.max_training_rows,
        # Another release may score the same configuration differently.
        f"the versions of {', '.join(task.algorithm.packages)}": [
            version(package) for package in task.algorithm.packages
        ],
    }


def name_of(task: Task) -> str:
    """Return the name of a search: all that decides its result is part of it, so that nothing is mixed."""
    decides = tuple(decided_by(task).values())
    return f"{task.algorithm.name}-{hashlib.sha256(repr(decides).encode()).hexdigest()[:16]}"


def as_stored(task: Task) -> dict[str, str]:
    """Return what decides the result of a search, as its database keeps it."""
    return {
        name: ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in decided_by(task).items()
    }


def difference(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """Return what a worker has different from a search.

    >>> difference({"CRM_SEED": "1", "the source": "a"}, {"CRM_SEED": "2", "the source": "a"})
    'CRM_SEED (1 here, 2 there)'
    """
    told = []
    for name in here:
        values = here[name], there.get(name, "unknown")
        if values[0] != values[1]:
            short = max(map(len, values)) <= LONGEST
            told.append(f"{name} ({values[0]} here, {values[1]} there)" if short else name)
    return ", ".join(told)
