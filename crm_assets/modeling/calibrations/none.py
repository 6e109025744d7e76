"""No calibration: scores that are probabilities already."""

from __future__ import annotations

from crm_assets.modeling.calibration_row import Calibration

CALIBRATION = Calibration(
    name="none",
    description="Scores stay as they are.",
    complexity=0,
    fit=lambda score, outcome: None,
)
