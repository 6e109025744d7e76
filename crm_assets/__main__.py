"""`python -m crm_assets`: run the whole graph."""

import gc
import sys

if __name__ == "__main__":
    # A million objects of libraries live until the end. By default, the garbage collector checks them again
    # and again, and once more at exit, which takes four seconds.
    gc.set_threshold(500_000, 30, 30)
    # Import this first: skops searches modules in order of import for the one that has a scipy function.
    import scipy.special  # noqa: F401

    from crm_assets.console.run import main
    from crm_assets.console.terminal import run_command

    code = run_command(main)
    gc.freeze()
    sys.exit(code)
