"""`python -m crm_assets.serving`: serve the REST API until it is told to stop."""

from __future__ import annotations

import argparse
import sys


def main() -> int:
    """Serve, and return 0; if it cannot start, print why and return 1."""
    about = "Serve the REST API until it is told to stop."
    argparse.ArgumentParser(prog="python -m crm_assets.serving", description=about).parse_args()
    # Import this first: skops searches modules in order of import for the one that has a scipy function.
    import scipy.special  # noqa: F401

    from crm_assets.serving import server

    return server.main()


if __name__ == "__main__":
    sys.exit(main())
