"""Everything that talks to MLflow: runs of the experiment, and the registry of champions."""
