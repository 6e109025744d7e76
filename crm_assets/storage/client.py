"""Clients of an S3 server: botocore's, with our own time limits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from botocore.config import Config
from botocore.loaders import create_loader
from botocore.session import Session

CONNECT_SECONDS = 2
READ_SECONDS = 30
CONNECTIONS = 8


class S3Clients(Protocol):
    """Makes clients of one S3 server."""

    @property
    def endpoint_url(self) -> str | None:
        """The server's address; None for Amazon's."""
        ...

    def get_client(self, read_seconds: float = READ_SECONDS) -> Any:
        """Return an S3 client with this read timeout, in seconds."""
        ...


@dataclass(frozen=True)
class S3Client:
    """Makes botocore's clients of one S3 server; see `make_client`.

    Attributes:
        endpoint_url: the server's address; None for Amazon's.
    """

    endpoint_url: str | None = None

    def get_client(self, read_seconds: float = READ_SECONDS) -> Any:
        """Return an S3 client with this read timeout, in seconds."""
        return make_client(read_seconds, self.endpoint_url)


def make_client(
    read_seconds: float,
    endpoint_url: str | None = None,
    region_name: str | None = None,
    profile_name: str | None = None,
) -> Any:
    """Return an S3 client that soon gives up on a silent server.

    Credentials come from the environment or the profile. The client makes one attempt; the module
    `retries` makes the others, within a time limit.

    Args:
        read_seconds: how long it waits for an answer.
        endpoint_url: the server's address; None for Amazon's.
        region_name: the region; if None, that of the environment or the profile.
        profile_name: the profile; if None, that of the environment.
    """
    session = Session(profile=profile_name)
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    limits = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        max_pool_connections=CONNECTIONS,
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    return session.create_client("s3", region_name, endpoint_url=endpoint_url, config=limits)


@cache
def _loader(folders: str | None) -> Any:
    """Return what reads the descriptions of Amazon's services; each session would read them again.

    Args:
        folders: where else to look for descriptions, as `AWS_DATA_PATH` or the profile says.
    """
    return create_loader(folders)


def address(s3: S3Clients) -> str:
    """Return the server's name for error messages."""
    return s3.endpoint_url or "Amazon's endpoint"
