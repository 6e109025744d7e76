"""The S3 server of a native stack: SeaweedFS in one process, with credentials, in place of MinIO."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from crm_assets.errors import StackError
from dev.stack.place import BUCKETS, HOST, Place, write_private

# What one service may do in its own buckets.
_RIGHTS = ("Read", "Write", "List")


def command(place: Place) -> tuple[str, ...]:
    """Return the server's command line.

    Raises:
        StackError: the server is not installed.
    """
    program = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if program is None:
        raise StackError("The S3 server `weed` is not installed; run `make install`.")
    ports = {
        "s3.port": "S3_PORT",
        "s3.port.grpc": "S3_GRPC_PORT",
        "master.port": "S3_MASTER_PORT",
        "master.port.grpc": "S3_MASTER_GRPC_PORT",
        "volume.port": "S3_VOLUME_PORT",
        "volume.port.grpc": "S3_VOLUME_GRPC_PORT",
        "filer.port": "S3_FILER_PORT",
        "filer.port.grpc": "S3_FILER_GRPC_PORT",
    }
    options = {
        "dir": place.s3,
        "ip": HOST,
        "ip.bind": HOST,
        "bucket": ",".join(BUCKETS.values()),
        "s3.config": place.s3_config,
        "s3.autoCreateBucket": "false",
        "s3.iam": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "webdav": "false",
        "admin.ui": "false",
        "master.telemetry": "false",
    } | {option: place.ports[name] for option, name in ports.items()}
    return (program, "-logtostderr=true", "mini", *(f"-{name}={value}" for name, value in options.items()))


def write_identities(place: Place) -> None:
    """Write the rights: each service may read, write and list its own buckets, and nothing else."""
    rights = {
        "CRM": [
            f"{right}:{BUCKETS[b]}" for b in ("CRM_S3_BUCKET", "CRM_S3_LOGS_BUCKET") for right in _RIGHTS
        ],
        "MLFLOW": [f"{right}:{BUCKETS['MLFLOW_S3_BUCKET']}" for right in _RIGHTS],
    }
    keys = place.secrets
    identities = [
        _identity("admin", keys["MINIO_ROOT_USER"], keys["MINIO_ROOT_PASSWORD"], ["Admin", *_RIGHTS])
    ]
    for name, actions in rights.items():
        access, secret = keys[f"{name}_S3_ACCESS_KEY_ID"], keys[f"{name}_S3_SECRET_ACCESS_KEY"]
        identities.append(_identity(name.lower(), access, secret, actions))
    write_private(place.s3_config, {"identities": identities})


def ready(place: Place) -> bool:
    """Return whether the server answers and has created the buckets."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client(
        "s3",
        endpoint_url=place.s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id=place.secrets["MINIO_ROOT_USER"],
        aws_secret_access_key=place.secrets["MINIO_ROOT_PASSWORD"],
        config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}),
    )
    try:
        made = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    except (BotoCoreError, ClientError):
        return False
    return set(BUCKETS.values()) <= made


def _identity(name: str, access_key: str, secret_key: str, actions: list[str]) -> dict[str, object]:
    credentials = [{"accessKey": access_key, "secretKey": secret_key}]
    return {"name": name, "credentials": credentials, "actions": actions}
