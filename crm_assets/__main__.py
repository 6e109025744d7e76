"""`python -m crm_assets` runs the whole graph."""

import gc
import sys

# A million objects of libraries live to the end. Looking at them again and again, as the default has
# it, and once more before leaving, costs four seconds.
gc.set_threshold(200_000, 30, 30)

from crm_assets.console.run import main

if __name__ == "__main__":
    code = main()
    gc.freeze()
    sys.exit(code)
