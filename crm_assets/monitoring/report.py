"""The report of a month's drift as one HTML file that needs no network: verdicts, and Evidently's pictures.

Evidently gets the levels that the verdicts count, so that its Jensen-Shannon distances are those of the
table `drift_report`. It is an extra, and imported only here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from html import escape
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

from crm_assets.errors import SettingsError
from crm_assets.monitoring.drift import Judged

INSTALL = (
    "The pages of drift_report need Evidently, which the extra `monitoring` installs: run `make install`, or "
    "install the extra where the project is installed otherwise."
)
# Each picture takes a tenth of a second: all columns that drifted, and the others that are closest to it.
MOST_SHOWN = 12
# Evidently names the parts of its page at random; the same month must give the same bytes.
RANDOM_NAME = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
# Names come from the CRM: they must not end the script that holds them, or become tags of a picture.
HARMLESS = str.maketrans({"<": "\u2039", ">": "\u203a", "&": "+"})
SHOWN = ("column", "population", "what", "distance", "threshold", "strength", "follows")
PAGE = """<style>
#verdicts {{ font: 14px/1.5 Roboto, Arial, sans-serif; margin: 24px; color: #222 }}
#verdicts table {{ border-collapse: collapse }}
#verdicts td, #verdicts th {{ border-bottom: 1px solid #ddd; padding: 4px 12px; text-align: left }}
</style>
<div id="verdicts"><h1>Drift of {month}</h1>
<p>{sentence}</p>
{table}
<p>The pictures below are Evidently's: the levels of each column in the month and in its reference. Their
threshold is that of all values together; one value can be drift by itself, as the table says.</p>
</div>"""


def missing() -> str | None:
    """Return the sentence about what the pages need if it is not installed, else None."""
    return None if find_spec("evidently") else INSTALL


def html(verdicts: Sequence[Judged], report: pd.DataFrame, month: str) -> str:
    """Return the page of a month.

    Args:
        verdicts: what `drift.judged` returned.
        report: what `findings.drift_report` made of it.
        month: `YYYY-MM`.

    Raises:
        SettingsError: Evidently is not installed.
    """
    page = _snapshot(_shown(verdicts)).get_html_str(as_iframe=False)
    head, script, rest = page.partition("<script>var global = globalThis</script>")
    head = head.replace("<body>", f"<body>{_verdicts(report, month)}", 1)
    names: dict[str, str] = {}
    same = RANDOM_NAME.sub(lambda found: names.setdefault(found[0], f"{len(names):032x}"), head)
    for name, plain in names.items():
        rest = rest.replace(name, plain)
    return same + script + rest


def distances(verdicts: Sequence[Judged]) -> dict[str, float]:
    """Return the distances that Evidently measures, by the name of the picture."""
    results = _snapshot(verdicts).dict()["metrics"]
    return {one["config"]["column"]: float(one["value"]) for one in results}


def title(verdict: Judged) -> str:
    """Return the name of a picture."""
    return f"{verdict.column} ({verdict.population})".translate(HARMLESS)


def _shown(verdicts: Sequence[Judged]) -> list[Judged]:
    """Return what is shown: all that drifted, then the columns that are closest to it."""
    order = sorted(verdicts, key=lambda one: -float(str(one.row["strength"])))
    return [one for number, one in enumerate(order) if one.row["flagged"] or number < MOST_SHOWN]


def _has_values(verdict: Judged) -> bool:
    """Return whether a column has values to compare; Evidently refuses one without any."""
    if verdict.levels is None:
        return False
    missing = len(verdict.levels.levels) - 1
    before = [verdict.levels.codes[month] for month in verdict.months]
    return all(
        (codes < missing).any() for codes in (verdict.levels.codes[verdict.month], np.concatenate(before))
    )


def _snapshot(verdicts: Sequence[Judged]) -> Any:
    """Run Evidently on the levels of columns."""
    # Evidently sends nothing about reports; its server would, unless this says no.
    os.environ["DO_NOT_TRACK"] = "1"
    try:
        from evidently import DataDefinition, Dataset, Report
        from evidently.metrics import ValueDrift
    except ImportError:
        raise SettingsError(INSTALL) from None
    counted = [one for one in verdicts if _has_values(one)]
    names = [title(one) for one in counted]
    now, before = _columns(counted, names, current=True), _columns(counted, names, current=False)
    definition = DataDefinition(categorical_columns=names)
    drift: Any = ValueDrift
    metrics = [
        drift(column=name, method="jensenshannon", threshold=float(str(one.row["threshold"])))
        for name, one in zip(names, counted, strict=True)
    ]
    current, reference = (Dataset.from_pandas(one, data_definition=definition) for one in (now, before))
    return Report(metrics).run(current, reference)


def _columns(verdicts: list[Judged], names: list[str], *, current: bool) -> pd.DataFrame:
    """Return the levels of all columns, side by side, the shorter ones filled with missing values."""
    made = {}
    for name, one in zip(names, verdicts, strict=True):
        assert one.levels is not None  # noqa: S101
        months = [one.month] if current else one.months
        codes = np.concatenate([one.levels.codes[month] for month in months])
        values = [level.translate(HARMLESS) for level in one.levels.levels[:-1]]
        codes = np.where(codes == len(values), -1, codes)
        made[name] = pd.Series(pd.Categorical.from_codes(codes, _distinct(values)))
    return pd.DataFrame(made)


def _distinct(values: list[str]) -> list[str]:
    """Return values that differ, also those that only differed in harmful characters."""
    seen: dict[str, int] = {}
    found = []
    for value in values:
        seen[value] = seen.get(value, 0) + 1
        found.append(value if seen[value] == 1 else f"{value} ({seen[value]})")
    return found


def _verdicts(report: pd.DataFrame, month: str) -> str:
    flagged = report[report["flagged"].astype(bool)]
    columns = flagged.loc[flagged["follows"].isna(), "column"].unique()
    sentence = (
        f"{len(columns)} of {report['column'].nunique()} columns drifted: {', '.join(columns)}."
        if len(columns)
        else f"None of {report['column'].nunique()} columns drifted."
    )
    table = flagged[list(SHOWN)].round(3).astype(object).where(flagged[list(SHOWN)].notna(), "")
    shown = table.to_html(index=False, border=0) if len(flagged) else ""
    return PAGE.format(month=escape(month), sentence=escape(sentence), table=shown)
