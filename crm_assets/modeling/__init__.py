"""Algorithms, walk-forward, calibration, leak audit, promotion, forecast, explanation."""
