"""`python -m crm_assets` runs the whole graph."""

import gc
import sys

if __name__ == "__main__":
    # A million objects of libraries live to the end. Looking at them again and again, as the default has
    # it, and once more before leaving, costs four seconds.
    gc.set_threshold(200_000, 30, 30)
    # Before all else: skops asks every module in order of import which of them has a function of scipy's.
    import scipy.special  # noqa: F401

    from crm_assets.console.run import main
    from crm_assets.console.terminal import run_command

    code = run_command(main)
    gc.freeze()
    sys.exit(code)
