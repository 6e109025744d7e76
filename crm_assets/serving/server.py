"""The server of the REST API: what it takes from the settings, and when it refuses to start."""

from __future__ import annotations

import sys

import uvicorn

from crm_assets.errors import CrmAssetsError, SettingsError
from crm_assets.serving import logs
from crm_assets.serving.app import create_app
from crm_assets.serving.guard import LOOPBACK
from crm_assets.serving.keys import read_keys
from crm_assets.serving.protocol import impatient
from crm_assets.settings import Settings, read_settings

# Seconds for the requests under way when the server is told to stop.
GRACE = 20
# More connections than these are answered with 503: each takes a file descriptor.
MOST_CONNECTIONS = 1_000


def main() -> int:
    """Serve, and return 0; if it cannot start, print why and return 1."""
    try:
        settings = read_settings()
        check(settings)
        guard, _ = create_app(settings)
    except CrmAssetsError as error:
        print(error, file=sys.stderr)
        return 1
    logs.configure()
    config = uvicorn.Config(
        guard,
        host=settings.api_host,
        port=settings.api_port,
        http=impatient(settings.api_timeout),
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        # Never believe what a client says about itself.
        proxy_headers=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=GRACE,
        limit_concurrency=MOST_CONNECTIONS,
        backlog=1024,
        ws="none",
    )
    # Threads that predict many deals must not keep the others waiting.
    sys.setswitchinterval(0.001)
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 1


def check(settings: Settings) -> None:
    """Refuse settings that would serve strangers, or keys that are not valid.

    Raises:
        SettingsError: says what to do.
    """
    if settings.api_key_file is not None:
        read_keys(settings.api_key_file)
    elif settings.api_host not in LOOPBACK:
        raise SettingsError(
            f"CRM_API_HOST={settings.api_host} would serve other machines without API keys: make a key with "
            "make api-key and set CRM_API_KEY_FILE, or set CRM_API_HOST=127.0.0.1."
        )
