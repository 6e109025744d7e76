"""The names of the months in the languages of many CRMs, and their short forms."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import yaml

_SHORTEST = 3


@cache
def month_names() -> dict[str, int]:
    """Return the number of each name of a month, and of each beginning of one that no other month has.

    >>> names = month_names()
    >>> names["sept"], names["d\u00e9c"], names["f\u00e9vr"], names["juin"], "jui" in names
    (9, 12, 2, 6, False)
    """
    languages = yaml.safe_load((files("crm_assets.sources") / "months.yaml").read_text("utf-8"))
    whole: dict[str, int] = {}
    short: dict[str, set[int]] = {}
    for names in languages.values():
        for number, name in enumerate(names, start=1):
            whole[name] = number
            for length in range(_SHORTEST, len(name)):
                short.setdefault(name[:length], set()).add(number)
    return {name: min(months) for name, months in short.items() if len(months) == 1} | whole
