"""What every command of the console shares: failures and Ctrl-C end with one line."""

from __future__ import annotations

import sys
from collections.abc import Callable

from crm_assets.errors import CrmAssetsError

# As the shell counts a program that Ctrl-C ended: 128 and the number of SIGINT.
INTERRUPTED = 130


def run_command(main: Callable[[], int]) -> int:
    """Run a command, and return its exit code: 1 after a sentence, 130 after Ctrl-C."""
    try:
        return main()
    except CrmAssetsError as error:
        from crm_assets.defs.progress import tell_failure

        tell_failure(str(error))
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return INTERRUPTED
