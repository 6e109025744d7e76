"""The table of calibrations, from simple to complex: each file defines one row, `CALIBRATION`.

To add one, add a file. Its calibrator must be strictly increasing, and stay off 0 and 1.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from crm_assets.modeling.calibration_row import Calibration


def _collected() -> tuple[Calibration, ...]:
    names = [module.name for module in iter_modules(__path__)]
    rows = [import_module(f"{__name__}.{name}").CALIBRATION for name in names]
    return tuple(sorted(rows, key=lambda row: row.complexity))


CALIBRATIONS = _collected()
# What is used where the validation months cannot compare calibrations.
DEFAULT_CALIBRATION = next(row for row in CALIBRATIONS if row.name == "isotonic")
# Types beyond scikit-learn's own that a stored calibrator may hold.
TRUSTED_TYPES = sorted({name for row in CALIBRATIONS for name in row.trusted_types})
