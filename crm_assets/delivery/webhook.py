"""Post a message to a webhook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SECONDS_TO_ANSWER = 5
# Make three attempts within a few seconds, and no more: a message is sent once or not at all.
MORE_TRIES, PASSING = 2, (429, 500, 502, 503, 504)


def post(address: str, message: Mapping[str, Any]) -> None:
    """Post a message as JSON.

    Raises:
        requests.RequestException: the webhook did not accept it.
    """
    # Import here, since most processes send no messages.
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    with requests.Session() as session:
        tries = Retry(MORE_TRIES, backoff_factor=0.5, status_forcelist=PASSING, allowed_methods=None)
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=tries))
        session.post(address, json=message, timeout=SECONDS_TO_ANSWER).raise_for_status()
