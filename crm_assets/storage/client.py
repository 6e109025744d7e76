"""The S3 client: dagster-aws's resource, with time limits of our own."""

from typing import Any

import boto3
from botocore.config import Config
from dagster_aws.s3 import S3Resource

CONNECT_SECONDS = 2
READ_SECONDS = 30
CONNECTIONS = 8


class S3Client(S3Resource):
    """dagster-aws's S3 resource, whose client gives up a silent server soon.

    Attempts are made by `retries`, which counts them in time: the client itself makes one.
    """

    def get_client(self, read_seconds: float = READ_SECONDS) -> Any:
        """A client that waits so long for an answer.

        Credentials are those of the environment or of a profile.
        """
        session = boto3.session.Session(profile_name=self.profile_name)
        limits = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=read_seconds,
            max_pool_connections=CONNECTIONS,
            retries={"total_max_attempts": 1, "mode": "standard"},
        )
        return session.client(
            "s3", endpoint_url=self.endpoint_url, region_name=self.region_name, config=limits
        )


def address(s3: S3Resource) -> str:
    """How the server is called in sentences."""
    return s3.endpoint_url or "Amazon's endpoint"
