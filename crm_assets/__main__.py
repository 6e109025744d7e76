"""`python -m crm_assets`: run the whole graph for all months, and print the forecast."""

import gc
import sys

from crm_assets.console.terminal import run_command, take_no_arguments

if __name__ == "__main__":
    take_no_arguments(__doc__)
    # Import this first: skops searches modules in order of import for the one that has a scipy function.
    import scipy.special  # noqa: F401

    from crm_assets.console.run import main

    code = run_command(main)
    # What is left lives until the end: checking it once more at exit takes seconds.
    gc.freeze()
    sys.exit(code)
