"""Searches for better parameters, with Optuna: the only room that imports it, and only while it searches."""
