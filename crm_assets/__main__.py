"""`python -m crm_assets`: run the whole graph for all months, and print the forecast."""

import gc
import sys

from crm_assets.console.terminal import run_command, take_no_arguments

if __name__ == "__main__":
    take_no_arguments(__doc__)
    # A million objects of libraries live until the end. By default, the garbage collector checks them again
    # and again, and once more at exit, which takes four seconds.
    gc.set_threshold(500_000, 30, 30)
    # Import this first: skops searches modules in order of import for the one that has a scipy function.
    import scipy.special  # noqa: F401

    from crm_assets.console.run import main

    code = run_command(main)
    gc.freeze()
    sys.exit(code)
