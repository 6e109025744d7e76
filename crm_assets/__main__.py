"""`python -m crm_assets` runs the whole graph."""

import sys

from crm_assets.console.run import main

if __name__ == "__main__":
    sys.exit(main())
