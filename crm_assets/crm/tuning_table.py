"""The table of a search for better parameters of an algorithm."""

from __future__ import annotations

from crm_assets.crm.schema import Column, TableSchema

TUNING = TableSchema(
    name="tuning",
    description="A search for better parameters: one row per configuration, scored on the validation months.",
    key=("trial",),
    columns=(
        Column("trial", "int64", "Its number; 0 is the algorithm as it is without a search.", nullable=False),
        Column("state", "string", "`complete`, or `pruned` for one that fell behind.", nullable=False),
        Column(
            "validation_roc_auc",
            "float64",
            "Walk-forward ROC AUC of the validation months, pooled; null if pruned.",
            "0 to 1",
        ),
        Column("months", "int64", "How many validation months were scored.", nullable=False),
        Column("parameters", "string", "The configuration, as JSON.", nullable=False),
        Column("best", "boolean", "Whether it is the best one.", nullable=False),
        Column(
            "adopted",
            "boolean",
            "Whether it is the best one, beats trial 0 by more than one standard error, and gains on "
            "held-out months.",
            nullable=False,
        ),
        Column("gain", "float64", "ROC AUC that the best one gains over trial 0; null for the others."),
        Column("gain_se", "float64", "Standard error of that gain, by bootstrap over deals."),
        Column(
            "gain_held_out",
            "float64",
            "Mean gain on a validation month if the other ones choose the configuration; null if there are "
            "no others.",
        ),
        Column("source", "string", "The source whose deals it was tried on.", nullable=False),
        Column("code", "string", "The version of the algorithm's code.", nullable=False),
        Column("last_month", "string", "The last month that it was scored on.", "YYYY-MM", nullable=False),
    ),
)
PREFIX = "tuned_"


def tuning_of(algorithm: str) -> TableSchema:
    """Return the table of the search for an algorithm.

    >>> tuning_of("xgboost").name
    'tuned_xgboost'
    """
    return TableSchema(f"{PREFIX}{algorithm}", TUNING.description, TUNING.columns, TUNING.key)
