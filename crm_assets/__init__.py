"""A Dagster asset graph that tells which open deals will be won next month."""

import os

# Threads that wait should sleep: spinning, they take the processor from those that work. OpenMP reads
# this once, when the first library that uses it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
