"""The table of algorithms, from simple to complex: each file defines one row, `ALGORITHM`.

To add an algorithm, add a file. Its estimator must accept all features that the leak audit admits, with
missing numbers and unknown categories. Nothing else names an algorithm: assets, registry, trusted types,
packages and the contract test read this table.

Rows whose module only the extra `algorithms` installs are known where it is installed, so that their stored
models load. They take part in the choice only if settings name them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

import ibis.expr.types as ir

from crm_assets.errors import SettingsError
from crm_assets.modeling.algorithm import SNAPSHOT, Algorithm


def _collected() -> tuple[Algorithm, ...]:
    names = [module.name for module in iter_modules(__path__)]
    rows = [import_module(f"{__name__}.{name}").ALGORITHM for name in names]
    return _sorted(rows)


def _sorted(rows: Iterable[Algorithm]) -> tuple[Algorithm, ...]:
    return tuple(sorted(rows, key=lambda row: (row.complexity, row.name)))


EVERY_ROW = _collected()
# Always there, and in the graph without any setting.
ALGORITHMS = tuple(row for row in EVERY_ROW if not row.module)
MORE_ALGORITHMS = tuple(row for row in EVERY_ROW if row.module and find_spec(row.module))
# Types beyond scikit-learn's own that a stored estimator may hold.
TRUSTED_TYPES = sorted({name for row in (*ALGORITHMS, *MORE_ALGORITHMS) for name in row.trusted_types})
_LEARN_FROM_SNAPSHOTS = [row for row in ALGORITHMS if row.learns_from == SNAPSHOT]
# Whether any algorithm needs snapshots.
LEARNS_FROM_SNAPSHOTS = bool(_LEARN_FROM_SNAPSHOTS)
# The columns of snapshots that algorithms read; none means all.
SNAPSHOT_COLUMNS: list[str] = (
    sorted({name for row in _LEARN_FROM_SNAPSHOTS for name in row.snapshot_columns})
    if all(row.snapshot_columns for row in _LEARN_FROM_SNAPSHOTS)
    else []
)


def known() -> tuple[Algorithm, ...]:
    """Return all rows whose packages are installed, from simple to complex."""
    return _sorted({row.name: row for row in (*MORE_ALGORITHMS, *ALGORITHMS)}.values())


def in_force(names: Collection[str]) -> tuple[Algorithm, ...]:
    """Return the rows that take part in the choice, from simple to complex.

    Args:
        names: those of `MORE_ALGORITHMS` that settings name.

    Raises:
        SettingsError: there is no such algorithm, or its package is not installed.
    """
    optional = {row.name: row for row in EVERY_ROW if row.module}
    if unknown := sorted(set(names) - set(optional)):
        raise SettingsError(
            f"CRM_MORE_ALGORITHMS: no such algorithm: {', '.join(unknown)}; there are {', '.join(optional)}."
        )
    if missing := sorted(set(names) - {row.name for row in MORE_ALGORITHMS}):
        raise SettingsError(
            f"CRM_MORE_ALGORITHMS: {', '.join(missing)} is not installed; run pip install "
            "'crm_assets[algorithms]', or remove it from the setting."
        )
    return _sorted([*ALGORITHMS, *(optional[name] for name in set(names))])


def algorithm(name: str) -> Algorithm:
    """Return the row of the table with this name.

    Raises:
        KeyError: there is no such algorithm.
    """
    for row in known():
        if row.name == name:
            return row
    raise KeyError(name)


def needed_of(snapshots: ir.Table) -> ir.Table:
    """Return the columns of snapshots that algorithms need, as far as the CRM has them."""
    return snapshots.select(
        [name for name in SNAPSHOT_COLUMNS or snapshots.columns if name in snapshots.columns]
    )
