"""`python -m crm_assets.serving`: serve the REST API until it is told to stop."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Serve, and return 0; if it cannot start, print why and return 1."""
    # Half a million objects of imports stay for good: looking through them again and again for garbage takes
    # a sixth of the start. The follower turns it on after its first look.
    gc.disable()
    from crm_assets.serving import server

    return server.main()


if __name__ == "__main__":
    sys.exit(main())
