"""The model card of a registered version, as Markdown.

It follows Mitchell et al., Model Cards for Model Reporting (FAT* 2019). All of it comes from the candidate,
the training set and the stored tables, so the same training gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from crm_assets.crm.archive import Dump
from crm_assets.crm.tables import METRIC_COLUMNS
from crm_assets.modeling.champion import NO_CALIBRATION, Candidate
from crm_assets.modeling.metrics import METRICS, POOLED, equal_parts, label_of, pooled, scores_by_month
from crm_assets.modeling.promotion import Rival, Verdict
from crm_assets.modeling.training_rows import MONTH, TrainingRows
from crm_assets.modeling.verdicts import ADMISSIBLE, SEASONAL_RATE, WORST_FIRST, worst_first
from crm_assets.monitoring import slices
from crm_assets.monitoring.known_limits import known_limits
from crm_assets.monitoring.markdown import number, plain, template
from crm_assets.registry import versions
from crm_assets.registry.names import model_name

# How many digits a metric has; counts of deals have none.
DIGITS = {name: 3 if unit != "deals" else 0 for name, _, unit in METRIC_COLUMNS}


@dataclass(frozen=True)
class Data:
    """Where the deals of a training set come from.

    Attributes:
        source: the source in words.
        identity: its identity; models of two identities are never mixed.
        synthetic: whether the deals are made up.
        dumps: the archived dumps in use, oldest first.
        seed: the seed of everything random.
    """

    source: str
    identity: str
    synthetic: bool
    dumps: tuple[Dump, ...]
    seed: int


@dataclass(frozen=True)
class Card:
    """A model card.

    Attributes:
        text: all of it, as Markdown.
        summary: what it says in a few sentences.
    """

    text: str
    summary: str


def model_card(
    candidate: Candidate,
    rows: TrainingRows,
    audit: pd.DataFrame,
    data: Data,
    version: str,
    verdict: Verdict,
    former: Rival | None,
) -> Card:
    """Write the card of a version.

    Args:
        candidate: the model and its evidence.
        rows: the training set.
        audit: the table `leak_audit`.
        data: where the deals come from.
        version: its number in the registry.
        verdict: whether it became champion.
        former: the champion before it; None if there was none.
    """
    split = candidate.split
    scored = pooled(candidate.walk_forward, split.test)
    summary = _summary(candidate, scored, verdict)
    test = candidate.walk_forward[candidate.walk_forward[MONTH].isin(split.test)]
    newest = data.dumps[-1] if data.dumps else None
    text = template("model_card.md").render(
        model=model_name(candidate.target),
        version=version,
        summary=summary,
        target={"name": candidate.target.name, "description": candidate.target.column.description},
        data=data,
        fingerprint=rows.fingerprint,
        deals=number(len(rows)),
        wins=number(sum(rows.wins.values())),
        dumps=", ".join(f"`{dump.name}`" for dump in data.dumps) or "none: the raw tables are not archived",
        dump=newest.name if newest else "",
        raw_tables=_raw_tables(newest),
        software=", ".join(f"{name} {release}" for name, release in versions.here().items()),
        months=list(_months(candidate)),
        trained=len(candidate.trained_months),
        audit=_audit(audit),
        features=[f"`{name}`" for name in candidate.features],
        legend="; ".join(f"{name}: {text}" for name, text, _ in METRIC_COLUMNS if name in METRICS) + ".",
        metric_names=[name.replace("_", " ") for name in METRICS if name != "realized_wins"],
        by_month=list(_by_month(candidate, scored)),
        former=_former(former),
        former_version=former.version if former and verdict.promoted else None,
        contenders=list(_contenders(candidate.leaderboard)),
        calibration=_calibrated(candidate),
        tuned=_tuned(candidate),
        tenths=list(_tenths(test)),
        slices=list(slices.by_category(candidate, rows, test)),
        left_out=", ".join(f"`{name}`" for name in slices.left_out(candidate, rows)),
        small_wins=slices.SMALL_WINS,
        limits=known_limits(candidate, scored, rows, audit, data.dumps),
    )
    return Card(text, summary)


def _summary(candidate: Candidate, own: dict[str, float], verdict: Verdict) -> str:
    seasonal, months = candidate.seasonal_test, _range(candidate.split.test)
    decided = "It became champion" if verdict.promoted else "It did not become champion"
    return (
        f"`{candidate.algorithm}`, {_calibrated(candidate)}, learned from "
        f"{len(candidate.trained_months)} months ({_range(candidate.trained_months)}). On the test months "
        f"({months}) its ROC AUC is {number(own['roc_auc'], 3)} (seasonal rate: "
        f"{number(seasonal['roc_auc'], 3)}), and it expected {number(own['expected_wins'])} wins where "
        f"{number(own['realized_wins'])} came. {decided}: {plain(verdict.reason)}"
    )


def _calibrated(candidate: Candidate) -> str:
    none = candidate.calibration == NO_CALIBRATION.name
    return "not calibrated" if none else f"calibrated by `{candidate.calibration}`"


def _tuned(candidate: Candidate) -> str:
    if not candidate.trials:
        return "no: the algorithm as it is"
    chosen = ", ".join(f"`{name}={value}`" for name, value in candidate.parameters.items())
    return f"yes, the best of {number(candidate.trials)} trials: {chosen}"


def _range(months: list[str]) -> str:
    """Return months in words: the first and the last one.

    >>> _range(["2017-09", "2017-10"]), _range(["2017-09"]), _range([])
    ('2017-09 to 2017-10', '2017-09', 'none')
    """
    if not months:
        return "none"
    return months[0] if len(months) == 1 else f"{months[0]} to {months[-1]}"


def _raw_tables(dump: Dump | None) -> list[dict[str, str]]:
    if dump is None:
        return []
    return [
        {"table": name, "rows": number(kept.rows), "digest": kept.digest}
        for name, kept in sorted(dump.tables.items())
    ]


def _months(candidate: Candidate) -> Iterator[tuple[str, str]]:
    split = candidate.split
    yield "training", f"{_range(candidate.trained_months)} ({len(candidate.trained_months)})"
    yield "training only", _range(split.first_months)
    yield "validation: choice and calibration", _range(split.validation)
    if split.between:
        yield "scored, but in neither", _range(list(split.between))
    yield "test: report", _range(split.test)


def _audit(audit: pd.DataFrame) -> dict[str, Any]:
    shown = worst_first(audit[(audit["verdict"] != ADMISSIBLE) | audit["overruled"]])
    counts = audit["verdict"].value_counts()
    said = [f"{counts[verdict]} {verdict}" for verdict in (*WORST_FIRST, ADMISSIBLE) if verdict in counts]
    return {
        "findings": f"Of {len(audit)} features: {', '.join(said)}.",
        "verdicts": [
            {"features": ", ".join(f"`{name}`" for name in names), **said}
            for said, names in _grouped(shown.to_dict("records"))
        ],
    }


def _grouped(verdicts: list[dict[str, Any]]) -> list[tuple[dict[str, str], list[str]]]:
    """Return what is said of features, with the features of which the same is said."""
    found: list[tuple[dict[str, str], list[str]]] = []
    for row in verdicts:
        said = {
            "verdict": row["verdict"],
            "used": ("yes" if row["used"] else "no") + (", by settings" if row["overruled"] else ""),
            "evidence": _evidence(row),
            "reason": row["reason"] or "",
        }
        names = next((names for before, names in found if before == said), None)
        if names is None:
            found.append((said, [row["feature"]]))
        else:
            names.append(row["feature"])
    return found


def _evidence(row: dict[str, Any]) -> str:
    said = []
    if isinstance(row["column"], str):
        level = f" ({row['level']})" if isinstance(row["level"], str) else ""
        said.append(f"{row['column']}{level}")
    if pd.notna(row["slope"]):
        said.append(f"slope {number(row['slope'], 2)} ± {number(row['error'], 2)}")
    if pd.notna(row["effect"]):
        said.append(f"effect {number(row['effect'], 2)}, fit {number(row['fit'], 2)}")
    if pd.notna(row["auc_with"]):
        said.append(f"ROC AUC {number(row['auc_without'], 3)} without, {number(row['auc_with'], 3)} with")
    return "; ".join(said)


def _by_month(candidate: Candidate, tested: dict[str, float]) -> Iterator[dict[str, Any]]:
    split, past = candidate.split, candidate.walk_forward
    uses = dict.fromkeys(split.validation, "validation") | dict.fromkeys(split.test, "test")
    own = scores_by_month(past, split.scored)
    theirs = candidate.by_month[SEASONAL_RATE]
    deals = own.loc[own[MONTH].isin(split.test), "deals"].sum()
    pairs: list[tuple[dict[Any, Any], dict[Any, Any]]] = [
        *zip(own[own[MONTH] != POOLED].to_dict("records"), theirs.to_dict("records"), strict=False),
        ({MONTH: POOLED, "deals": deals, **tested}, candidate.seasonal_test),
    ]
    for mine, other in pairs:
        month = str(mine[MONTH])
        yield {
            "month": month if month != POOLED else "test months",
            "use": uses.get(month, "test" if month == POOLED else ""),
            "deals": number(mine["deals"]),
            "wins": number(mine["realized_wins"]),
            "figures": [
                f"{number(mine[name], DIGITS[name])} ({number(other[name], DIGITS[name])})"
                for name in METRICS
                if name != "realized_wins"
            ],
        }


def _former(former: Rival | None) -> str:
    if former is None:
        return "There was no champion to compare it with."
    if former.test is None:
        return f"Version {former.version}, the champion before it, cannot be compared on these test months."
    said = (
        f"{name.replace('_', ' ')} {number(former.test[name], DIGITS[name])}"
        for name in METRICS
        if name != "realized_wins"
    )
    return f"Version {former.version}, the champion before it, on the same test months: {', '.join(said)}."


def _contenders(board: pd.DataFrame) -> Iterator[dict[str, str]]:
    for row in board.to_dict("records"):
        auc, error = row["validation_roc_auc"], row["validation_roc_auc_se"]
        yield {
            "name": str(row["contender"]),
            "chosen": "yes" if row["chosen"] else "",
            "validation": f"{number(auc, 3)} ± {number(error, 3)}",
            "test": number(row["test_roc_auc"], 3),
            "brier": number(row["test_brier"], 3),
        }


def _tenths(test: pd.DataFrame) -> Iterator[dict[str, str]]:
    probability, outcome = test["probability"].to_numpy(), test[label_of(test)].to_numpy()
    for part in equal_parts(probability):
        yield {
            "deals": number(len(part)),
            "predicted": number(probability[part].mean(), 3),
            "came": number(outcome[part].mean(), 3),
            "expected": number(probability[part].sum(), 1),
            "wins": number(outcome[part].sum()),
        }
