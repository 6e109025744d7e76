"""`make secrets`: fill in the secrets of docker/.env, each as long as the service that reads it accepts."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

from dotenv import dotenv_values

from crm_assets.errors import CrmAssetsError, StackError
from crm_assets.files import write_whole
from dev.stack.docker import ENV_FILE

# Bytes of each secret. It has twice as many characters, digits and letters a to f only, so that no file or
# address has to quote it. MinIO takes 3 to 20 characters as a user and 8 to 40 as a secret; Postgres takes
# any password.
SECRET_BYTES = {
    "POSTGRES_PASSWORD": 24,
    "DAGSTER_POSTGRES_PASSWORD": 24,
    "MLFLOW_POSTGRES_PASSWORD": 24,
    # For the S3 administrator; no service gets them.
    "MINIO_ROOT_USER": 8,
    "MINIO_ROOT_PASSWORD": 20,
    "CRM_S3_ACCESS_KEY_ID": 8,
    "CRM_S3_SECRET_ACCESS_KEY": 20,
    "MLFLOW_S3_ACCESS_KEY_ID": 8,
    "MLFLOW_S3_SECRET_ACCESS_KEY": 20,
    "GRAFANA_ADMIN_PASSWORD": 24,
}


def new_secrets() -> dict[str, str]:
    """Return a new value for each secret."""
    return {name: secrets.token_hex(size) for name, size in SECRET_BYTES.items()}


def fill_in(file: Path, example: Path) -> list[str]:
    """Fill in the empty secrets of an env file, and return their names; a value that is there stays.

    Args:
        file: the env file; without one, it starts as a copy of `example`.
        example: the example of it.

    Raises:
        StackError: the file cannot be read or written.
    """
    try:
        text = (file if file.exists() else example).read_text("utf-8")
        there = {name for name, value in dotenv_values(file).items() if value} if file.exists() else set()
        missing = {name: value for name, value in new_secrets().items() if name not in there}
        lines = []
        for line in text.splitlines():
            name = line.partition("=")[0].strip()
            lines.append(f"{name}={missing.pop(name)}" if name in missing else line)
        added = [name for name in SECRET_BYTES if name not in there]
        lines += [f"{name}={value}" for name, value in missing.items()]
        write_whole(file, ("\n".join(lines) + "\n").encode(), private=True)
    except OSError as error:
        raise StackError(f"{file} cannot be written ({error.strerror}).") from error
    return added


def main() -> int:
    """Fill in the secrets, and say which."""
    try:
        added = fill_in(ENV_FILE, ENV_FILE.with_name("env.example"))
    except CrmAssetsError as error:
        print(error)
        return 1
    print(
        f"{ENV_FILE}: {len(added)} secrets filled in"
        + (f" ({', '.join(added)})." if added else "; all were there.")
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
