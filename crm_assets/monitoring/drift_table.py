"""The table `drift_report`: what was compared in a month, how far it moved, and what counts as drift."""

from __future__ import annotations

from crm_assets.crm.deals import SNAPSHOT_MONTH
from crm_assets.crm.schema import Column, TableSchema

DRIFT_REPORT = TableSchema(
    name="drift_report",
    description="One row per month, population and column: how far its values moved, and whether that is "
    "drift.",
    key=("snapshot_month", "population", "column"),
    columns=(
        SNAPSHOT_MONTH,
        Column("population", "string", "Which rows were compared, for example `open deals`.", nullable=False),
        Column(
            "column", "string", "Column whose values were compared; a date: also how many.", nullable=False
        ),
        Column("flagged", "boolean", "Whether the column drifted.", nullable=False),
        Column(
            "follows",
            "string",
            "Flagged column that this one is made from or looked up by; null if it drifted by itself.",
        ),
        Column(
            "reference",
            "string",
            "`preceding` months or the `same place` in the quarter: the comparison that says most.",
            nullable=False,
        ),
        Column("distance", "float64", "Jensen-Shannon distance of the values.", "0 to 0.83"),
        Column(
            "threshold",
            "float64",
            "Distance from which on all values together count; above 0.83 if too few rows can tell.",
        ),
        Column("value", "string", "The value whose share moved furthest; `rows`: how many rows there are."),
        Column("before", "float64", "Share of that value in the reference; of `rows`, the mean number."),
        Column("now", "float64", "Its share in the month; of `rows`, the number."),
        Column("strength", "float64", "Evidence as a multiple of what counts as drift.", "1 and more: drift"),
        Column("rows", "int64", "Rows of the month.", "rows", nullable=False),
        Column("compared_rows", "int64", "Rows of the month that were compared.", "rows", nullable=False),
        Column(
            "reference_rows", "int64", "Rows of the reference that were compared.", "rows", nullable=False
        ),
        Column("what", "string", "What moved, in words.", nullable=False),
    ),
)
