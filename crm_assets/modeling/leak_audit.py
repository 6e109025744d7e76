"""The leak audit: features that know the outcome in a way no dated rule can catch.

Four witnesses: `history_audit` reads from archived dumps what changed when deals closed, and decides where it
can; `column_audit` judges the other columns that features are made from, and `overwritten` their dates, by
one dump; `single_feature` judges the features themselves. A verdict on a column holds for all that is made
from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pandas as pd

from crm_assets.crm.all_features import ALL_FEATURES
from crm_assets.crm.deals import DETAILS, DIMENSIONS, MONTHLY_SNAPSHOTS
from crm_assets.crm.feature import Feature, carried_columns
from crm_assets.crm.feature_table import FEATURES
from crm_assets.modeling.column_audit import ALL_VALUES, audit_columns, engaged_deals
from crm_assets.modeling.history_audit import told_by_history
from crm_assets.modeling.overwritten import overwritten_dates
from crm_assets.modeling.price import Prices, Worth
from crm_assets.modeling.single_feature import Ranking, outcomes, ranking
from crm_assets.modeling.training_rows import DEAL, TrainingRows
from crm_assets.modeling.verdicts import ABSENT, ADMISSIBLE, INADMISSIBLE, MAX_UNPROVEN_PRICE, UNPROVEN

# The columns that a CRM may overwrite without a date that says so.
UNDATED = {column.name: column.dtype for column in (*DIMENSIONS, *DETAILS)}


def columns_behind(feature: Feature) -> list[str]:
    """Return the columns of `opportunities` that a feature is made from: the one that it shows first.

    What a column is looked up by is behind it too.
    """
    own = [feature.name] if feature.name in UNDATED else []
    read = [name for table, name in sorted(feature.origins) if table == MONTHLY_SNAPSHOTS.name]
    carried = [name for name in read if name in carried_columns()]
    return list(dict.fromkeys([*own, *carried, *feature.sources]))


COLUMNS = {feature.name: columns_behind(feature) for feature in ALL_FEATURES}
JUDGED = [name for name in UNDATED if any(name in columns for columns in COLUMNS.values())]
DEAL_COLUMNS = [DEAL, "stage", "engage_date", "close_date", *JUDGED]
SEVERITY = {ABSENT: -1, ADMISSIBLE: 0, UNPROVEN: 1, INADMISSIBLE: 2}


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
        opportunities: the columns `DEAL_COLUMNS` of `crm.tables.OPPORTUNITIES` that the CRM has.
        horizon: last month that the data covers; what closes after it counts as never closed.
        admit: features that an operator uses in spite of their verdict.
        exclude: features that an operator keeps out.
        validation: months on which to price what is not admissible; without any, nothing has a price.
        seed: of everything random in the prices.
        change_rates: columns of `crm.history.CHANGE_RATES`, if there are archived dumps.
        vanished: deals that the training set may have although opportunities does not.

    Returns:
        Columns of `crm.tables.LEAK_AUDIT`: one row for each of the 23 features, and for each further one
        that the training set has, in order.

    Raises:
        StorageError: the training set has deals that opportunities does not have.
    """
    known = outcomes(rows, opportunities, horizon, vanished)
    there = [feature for feature in ALL_FEATURES if feature.name in rows.columns]
    rankings = {feature.name: ranking(feature, rows[feature.name], known) for feature in there}
    judged = judged_columns(opportunities)
    evidence = strongest(audit_columns(judged, engaged_deals(opportunities, horizon)))
    of_dates = overwritten_dates(opportunities, horizon)
    if change_rates is not None:
        told = told_by_history(change_rates, list(judged.columns))
        evidence = overruled(evidence, told)
        of_dates = {name: reason for name, reason in of_dates.items() if name not in told.index}
    reasons = _reasons(evidence, {name: found.reason for name, found in rankings.items()}, of_dates)
    reasons |= {row.name: _absence(row, opportunities) for row in FEATURES if row not in there}
    verdicts = {
        row.name: max(
            (verdict for verdict, _ in reasons[row.name]), key=SEVERITY.__getitem__, default=ADMISSIBLE
        )
        for row in ALL_FEATURES
        if row.name in reasons
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
                **vars(rankings.get(name, Ranking(float("nan"), float("nan")))),
            }
            for name, verdict in verdicts.items()
        ]
    )
    return _used(audit, set(admit), set(exclude))


def judged_columns(opportunities: pd.DataFrame) -> pd.DataFrame:
    """Return the columns to judge, each date as the days since the deal was engaged."""
    columns = opportunities[[name for name in JUDGED if name in opportunities.columns]]
    engaged = pd.to_datetime(opportunities["engage_date"])
    dates = {name: pd.to_datetime(columns[name]) for name in columns.columns if UNDATED[name] == "date"}
    return columns.assign(**{name: (day - engaged).dt.days for name, day in dates.items()})


def _absence(feature: Feature, opportunities: pd.DataFrame) -> list[tuple[str, str]]:
    """Return why a feature is not in the training set."""
    lacking = sorted(feature.needs - set(opportunities.columns))
    return [(ABSENT, f"the CRM has no {', '.join(lacking)}" if lacking else "the training set lacks it")]


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


def _reasons(
    evidence: pd.DataFrame, of_rankings: dict[str, str], of_dates: dict[str, str]
) -> dict[str, list[tuple[str, str]]]:
    """Return the verdicts against each feature, with their sentences."""
    against = {
        str(column): [(row["verdict"], f"made from column {column}, {_sentence(row)}")]
        for column, row in evidence.iterrows()
        if row["verdict"] != ADMISSIBLE
    }
    for column, reason in of_dates.items():
        against.setdefault(column, []).append((INADMISSIBLE, f"made from column {column}, {reason}"))
    for name, reason in of_rankings.items():
        if reason:
            # What a feature shows is its own column; a rate or a count may come from any of its columns.
            for column in COLUMNS[name][: 1 if name in UNDATED else None]:
                against.setdefault(column, []).append(
                    (INADMISSIBLE, f"made from column {column}, as is {name}, which {reason}")
                )
    return {
        name: [(INADMISSIBLE, reason) for reason in [of_rankings[name]] if reason]
        + [found for column in columns for found in against.get(column, [])]
        for name, columns in COLUMNS.items()
        if name in of_rankings
    }


def _sentence(row: pd.Series) -> str:
    if row.get("history"):
        return str(row["history"])
    together = row["level"] == ALL_VALUES
    what = "whose values" if together else f"whose share of {row['level']}"
    days = f" at least {row['delay']} days ago" if row["delay"] else ""
    days += f" in the last {row['within']:.0f} days" if row["within"] > 0 else ""
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
        "within_days": "within",
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
        if verdict not in (ABSENT, ADMISSIBLE):
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
    absent = audit["verdict"] == ABSENT
    innocent = (audit["verdict"] == ADMISSIBLE) | ((audit["verdict"] == UNPROVEN) & ~dear)
    audit.insert(2, "used", (innocent | admitted) & ~excluded & ~absent)
    audit.insert(3, "overruled", ((admitted & ~innocent) | (excluded & innocent)) & ~absent)
    return audit
