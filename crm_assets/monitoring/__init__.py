"""Whether forecasts held and whether the data changed: accuracy, drift, and when the two become an alarm.

Pure functions on frames. No Dagster, no MLflow.
"""
