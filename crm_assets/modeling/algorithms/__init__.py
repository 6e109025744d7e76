"""The table of algorithms, from simple to complex: each file defines one row, `ALGORITHM`.

To add an algorithm, add a file. Its estimator must accept all features that the leak audit admits, with
missing numbers and unknown categories. Nothing else names an algorithm: assets, registry, trusted types,
packages and the contract test read this table.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import ibis.expr.types as ir

from crm_assets.modeling.algorithm import SNAPSHOT, Algorithm


def _collected() -> tuple[Algorithm, ...]:
    names = [module.name for module in iter_modules(__path__)]
    rows = [import_module(f"{__name__}.{name}").ALGORITHM for name in names]
    return tuple(sorted(rows, key=lambda row: (row.complexity, row.name)))


ALGORITHMS = _collected()
# Types beyond scikit-learn's own that a stored estimator may hold.
TRUSTED_TYPES = sorted({name for row in ALGORITHMS for name in row.trusted_types})
_LEARN_FROM_SNAPSHOTS = [row for row in ALGORITHMS if row.learns_from == SNAPSHOT]
# Whether any algorithm needs snapshots.
LEARNS_FROM_SNAPSHOTS = bool(_LEARN_FROM_SNAPSHOTS)
# The columns of snapshots that algorithms read; none means all.
SNAPSHOT_COLUMNS: list[str] = (
    sorted({name for row in _LEARN_FROM_SNAPSHOTS for name in row.snapshot_columns})
    if all(row.snapshot_columns for row in _LEARN_FROM_SNAPSHOTS)
    else []
)


def algorithm(name: str) -> Algorithm:
    """Return the row of the table with this name.

    Raises:
        KeyError: there is no such algorithm.
    """
    for row in ALGORITHMS:
        if row.name == name:
            return row
    raise KeyError(name)


def needed_of(snapshots: ir.Table) -> ir.Table:
    """Return the columns of snapshots that algorithms need, as far as the CRM has them."""
    return snapshots.select(
        [name for name in SNAPSHOT_COLUMNS or snapshots.columns if name in snapshots.columns]
    )
