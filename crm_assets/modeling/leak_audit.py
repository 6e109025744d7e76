"""The leak audit: features that know the outcome in a way no dated rule can catch.

Three witnesses: `history_audit` reads from archived dumps what changed when deals closed, and decides where
it can; `column_audit` judges the other columns that features are made from, by one dump; `single_feature`
judges the features themselves. A verdict on a column holds for all that is made from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pandas as pd

from crm_assets.crm.deals import DIMENSIONS, MONTHLY_SNAPSHOTS
from crm_assets.crm.feature import Feature, carried_columns
from crm_assets.crm.feature_table import FEATURES
from crm_assets.modeling.column_audit import ALL_VALUES, audit_columns, engaged_deals
from crm_assets.modeling.history_audit import told_by_history
from crm_assets.modeling.price import Prices, Worth
from crm_assets.modeling.single_feature import outcomes, ranking
from crm_assets.modeling.training_rows import DEAL, TrainingRows
from crm_assets.modeling.verdicts import ADMISSIBLE, INADMISSIBLE, MAX_UNPROVEN_PRICE, UNPROVEN

DIMENSION_NAMES = [column.name for column in DIMENSIONS]


def columns_behind(feature: Feature) -> list[str]:
    """Return the columns of `opportunities` that a feature is made from: the one that it shows first.

    What a column is looked up by is behind it too.
    """
    own = [feature.name] if feature.name in DIMENSION_NAMES else []
    read = [name for table, name in sorted(feature.origins) if table == MONTHLY_SNAPSHOTS.name]
    carried = [name for name in read if name in carried_columns()]
    return list(dict.fromkeys([*own, *carried, *feature.sources]))


COLUMNS = {feature.name: columns_behind(feature) for feature in FEATURES}
JUDGED = [name for name in DIMENSION_NAMES if any(name in columns for columns in COLUMNS.values())]
DEAL_COLUMNS = [DEAL, "stage", "engage_date", "close_date", *JUDGED]
SEVERITY = {ADMISSIBLE: 0, UNPROVEN: 1, INADMISSIBLE: 2}


def leak_audit(
    rows: TrainingRows,
    opportunities: pd.DataFrame,
    horizon: str,
    admit: Iterable[str] = (),
    exclude: Iterable[str] = (),
    validation: Iterable[str] = (),
    seed: int = 0,
    change_rates: pd.DataFrame | None = None,
    vanished: Collection[str] = (),
) -> pd.DataFrame:
    """Judge every feature.

    Args:
        rows: the training set, or any months of `win_features` before the horizon.
        opportunities: at least the columns `DEAL_COLUMNS` of `crm.tables.OPPORTUNITIES`.
        horizon: last month that the data covers; what closes after it counts as never closed.
        admit: features that an operator uses in spite of their verdict.
        exclude: features that an operator keeps out.
        validation: months on which to price what is not admissible; without any, nothing has a price.
        seed: of everything random in the prices.
        change_rates: columns of `crm.history.CHANGE_RATES`, if there are archived dumps.
        vanished: deals that the training set may have although opportunities does not.

    Returns:
        Columns of `crm.tables.LEAK_AUDIT`, one row per feature, in order.

    Raises:
        StorageError: the training set has deals that opportunities does not have.
    """
    known = outcomes(rows, opportunities, horizon, vanished)
    rankings = {feature.name: ranking(feature, rows[feature.name], known) for feature in FEATURES}
    evidence = strongest(audit_columns(opportunities[JUDGED], engaged_deals(opportunities, horizon)))
    if change_rates is not None:
        evidence = overruled(evidence, told_by_history(change_rates, JUDGED))
    reasons = _reasons(evidence, {name: found.reason for name, found in rankings.items()})
    verdicts = {
        name: max((verdict for verdict, _ in found), key=SEVERITY.__getitem__, default=ADMISSIBLE)
        for name, found in reasons.items()
    }
    prices = Prices(rows, list(validation), [name for name in verdicts if verdicts[name] == ADMISSIBLE], seed)
    worth = _worth(verdicts, prices)
    audit = pd.DataFrame(
        [
            {
                "feature": name,
                "verdict": verdict,
                "reason": "; ".join(dict.fromkeys(text for at, text in reasons[name] if at == verdict)),
                **_shown(evidence, COLUMNS[name]),
                **vars(worth.get(name, Worth())),
                **vars(rankings[name]),
            }
            for name, verdict in verdicts.items()
        ]
    )
    return _used(audit, set(admit), set(exclude))


def admissible_features(audit: pd.DataFrame) -> list[str]:
    """Return the features that models use, in the order of the feature table."""
    return audit.loc[audit["used"], "feature"].tolist()


def strongest(looked_at: pd.DataFrame) -> pd.DataFrame:
    """Return what decides the verdict of each column: a single level if one does, else all values."""
    order = looked_at.assign(
        severity=looked_at["verdict"].map(SEVERITY),
        alone=(looked_at["level"] != ALL_VALUES) & (looked_at["verdict"] != ADMISSIBLE),
    ).sort_values(["severity", "alone", "strength"], ascending=False, kind="stable")
    return order.drop_duplicates("column").set_index("column")


def overruled(evidence: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Return the evidence with the verdicts of history where it has one.

    Args:
        evidence: what `strongest` returns.
        history: what `told_by_history` returns.
    """
    both = evidence.reindex(evidence.index.union(history.index, sort=False))
    both["history"] = history["reason"].reindex(both.index).fillna("")
    both["verdict"] = history["verdict"].reindex(both.index).fillna(both["verdict"])
    return both.assign(severity=both["verdict"].map(SEVERITY))


def _reasons(evidence: pd.DataFrame, of_rankings: dict[str, str]) -> dict[str, list[tuple[str, str]]]:
    """Return the verdicts against each feature, with their sentences."""
    against = {
        str(column): [(row["verdict"], f"made from column {column}, {_sentence(row)}")]
        for column, row in evidence.iterrows()
        if row["verdict"] != ADMISSIBLE
    }
    for name, reason in of_rankings.items():
        if reason:
            # What a feature shows is its own column; a rate or a count may come from any of its columns.
            for column in COLUMNS[name][: 1 if name in DIMENSION_NAMES else None]:
                against.setdefault(column, []).append(
                    (INADMISSIBLE, f"made from column {column}, as is {name}, which {reason}")
                )
    return {
        name: [(INADMISSIBLE, reason) for reason in [of_rankings[name]] if reason]
        + [found for column in columns for found in against.get(column, [])]
        for name, columns in COLUMNS.items()
    }


def _sentence(row: pd.Series) -> str:
    if row.get("history"):
        return str(row["history"])
    together = row["level"] == ALL_VALUES
    what = "whose values" if together else f"whose share of {row['level']}"
    days = f" at least {row['delay']} days ago" if row["delay"] else ""
    slope = f"slope {row['slope']:.2f} ± {row['error']:.2f}; 1: written at closing, 0: there from the start"
    if row["verdict"] == INADMISSIBLE:
        follow = "follow" if together else "follows"
        return f"{what} {follow} the share of deals closed{days} from month to month ({slope})"
    why = "they are too few or too alike" if pd.isna(row["slope"]) else slope
    tied = "are" if together else "is"
    return f"{what} {tied} tied to the outcome, and the months cannot tell since when ({why})"


def _shown(evidence: pd.DataFrame, columns: list[str]) -> dict[str, Any]:
    """Return the evidence of the column that decides, or of the one most tied to the outcome."""
    known = evidence.loc[evidence.index.isin(columns)]
    fields = {
        "level": "level",
        "delay_days": "delay",
        **{name: name for name in ("effect", "slope", "error", "fit")},
    }
    if known.empty:
        return {"column": "", **dict.fromkeys(fields)}
    worst = known.sort_values(["severity", "strength"], ascending=False, kind="stable").iloc[0]
    return {"column": worst.name, **{shown: worst[field] for shown, field in fields.items()}}


def _worth(verdicts: dict[str, str], prices: Prices) -> dict[str, Worth]:
    """Price each column that is not admissible together with all that is made from it.

    A feature of several such columns has the price of the one that takes most features with it.
    """
    groups: dict[str, list[str]] = {}
    for name, verdict in verdicts.items():
        if verdict != ADMISSIBLE:
            for column in COLUMNS[name] or [name]:
                groups.setdefault(column, []).append(name)
    worth: dict[str, Worth] = {}
    for group in sorted(groups.values(), key=len, reverse=True):
        if unpriced := [name for name in group if name not in worth]:
            worth |= dict.fromkeys(unpriced, prices.of(group))
    return worth


def _used(audit: pd.DataFrame, admit: set[str], exclude: set[str]) -> pd.DataFrame:
    """Add whether models use each feature, and whether settings say otherwise than the verdict."""
    admitted, excluded = audit["feature"].isin(admit), audit["feature"].isin(exclude)
    dear = audit["auc_with"] - audit["auc_without"] > MAX_UNPROVEN_PRICE
    innocent = (audit["verdict"] == ADMISSIBLE) | ((audit["verdict"] == UNPROVEN) & ~dear)
    audit.insert(2, "used", (innocent | admitted) & ~excluded)
    audit.insert(3, "overruled", (admitted & ~innocent) | (excluded & innocent))
    return audit
