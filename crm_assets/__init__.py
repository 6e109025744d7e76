"""A Dagster asset graph that tells which open deals will be won next month."""

import gc
import os

# Threads that wait should sleep: spinning, they take the processor from those that work. OpenMP reads
# this once, when the first library that uses it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A million objects of libraries live until the end. By default, the garbage collector checks them again and
# again while they load, which takes a third of the time of importing the definitions.
gc.set_threshold(500_000, 30, 30)
