"""`python -m crm_assets.dashboard`: serve the dashboard at the address of the settings."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from crm_assets.errors import CrmAssetsError, extra
from crm_assets.settings import get_settings

# Okabe and Ito's blues, each with enough contrast on its background.
BLUE, LIGHT_BLUE = "#0072B2", "#56B4E9"
APP = Path(__file__).with_name("app.py")


def main() -> int:
    """Serve until somebody ends it; return 1 if it cannot start."""
    try:
        settings = get_settings()
        with extra("dashboard", "The dashboard needs"):
            from streamlit.web import cli

            from crm_assets.dashboard import login
        if settings.dashboard_login == "oidc":
            login.check_provider()
    except CrmAssetsError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    address = f"http://{settings.dashboard_address}:{settings.dashboard_port}"
    options = {
        "global.developmentMode": "false",
        "server.address": settings.dashboard_address,
        "server.port": str(settings.dashboard_port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.runOnSave": "false",
        "server.maxUploadSize": "1",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "runner.magicEnabled": "false",
        "theme.light.primaryColor": BLUE,
        "theme.dark.primaryColor": LIGHT_BLUE,
    }
    # Load the pages before anyone waits for them. Streamlit warns that no server runs yet, which is meant.
    logging.getLogger("streamlit.runtime.caching.cache_data_api").setLevel(logging.ERROR)
    from crm_assets.dashboard.views import all as pages

    print(f"Dashboard  {address}", file=sys.stderr, flush=True)
    pages.load()
    arguments = ["run", str(APP), *(f"--{name}={value}" for name, value in options.items())]
    return cli.main(arguments, prog_name="streamlit") or 0


if __name__ == "__main__":
    about = "Serve the dashboard at the address of the settings."
    argparse.ArgumentParser(prog="python -m crm_assets.dashboard", description=about).parse_args()
    sys.exit(main())
