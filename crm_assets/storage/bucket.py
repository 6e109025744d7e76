"""Files in an S3 bucket: Amazon's, MinIO or any other server of the protocol."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from crm_assets.storage.client import CONNECTIONS, S3Clients, address
from crm_assets.storage.faults import NOT_THERE, code, told
from crm_assets.storage.retries import FIRST_ANSWER_SECONDS, OUTAGE_SECONDS, patiently
from crm_assets.storage.scratch import Scratch

T = TypeVar("T")


@dataclass(frozen=True)
class Bucket:
    """Files under a prefix of a bucket; see `Files` for what each method promises.

    Every method raises `StorageError`, a sentence, where the server refuses, or stays silent for longer
    than `retries` allows.

    Attributes:
        bucket: its name.
        prefix: the folder in the bucket.
        s3: makes the clients; credentials are those of the environment or of a profile.
        scratch_root: where drafts, and copies of what was read, lie on this machine.
    """

    bucket: str
    prefix: str
    s3: S3Clients
    scratch_root: Path
    _copies: dict[str, tuple[str, Path]] = field(default_factory=dict)

    @cached_property
    def _client(self) -> Any:
        """The client, once the server has answered: a server that never did is soon given up."""
        with self._told("use", ""):
            first = self.s3.get_client(FIRST_ANSWER_SECONDS / 2)
            # A listing, since the answer to a HEAD does not say what is wrong.
            request = {"Bucket": self.bucket, "Prefix": f"{self.prefix}/", "MaxKeys": 1}
            patiently(FIRST_ANSWER_SECONDS, first.list_objects_v2, **request)
            return self.s3.get_client()

    @cached_property
    def _scratch(self) -> Scratch:
        return Scratch(self.scratch_root)

    def where(self, key: str) -> str:
        """The address of a file."""
        return f"s3://{self.bucket}/{self._name(key)}"

    def exists(self, key: str) -> bool:
        """Whether a file is kept."""
        with self._told("read", key):
            try:
                self._call(self._client.head_object, Bucket=self.bucket, Key=self._name(key))
            except ClientError as error:
                if code(error) in NOT_THERE:
                    return False
                raise
        return True

    def keys(self, folder: str) -> list[str]:
        """The keys in a folder."""
        with self._told("list", folder):
            return self._call(self._list, f"{self._name(folder)}/")

    def _list(self, prefix: str) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return sorted(
            found["Key"].removeprefix(f"{self.prefix}/")
            for page in pages
            for found in page.get("Contents", [])
        )

    def fetch(self, keys: list[str]) -> list[Path | None]:
        """Files of this machine, None where there is none."""
        # Made here: the threads would each make their own.
        with self._told("read", ""):
            _ = self._client, self._scratch
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            return list(threads.map(self._fetch, keys))

    def _fetch(self, key: str) -> Path | None:
        with self._told("read", key):
            try:
                return self._call(self._download, key)
            except ClientError as error:
                if code(error) in NOT_THERE:
                    return None
                raise

    def _download(self, key: str) -> Path:
        """Download a file, unless the copy that this process has is still the newest."""
        known, copy = self._copies.get(key, (None, None))
        only_if_new = {"IfNoneMatch": known} if known else {}
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=self._name(key), **only_if_new)
        except ClientError as error:
            if copy is not None and code(error) in ("304", "NotModified"):
                return copy
            raise
        # Never into the former copy, which an expression may still read.
        path = self._scratch.file()
        with path.open("wb") as file:
            for chunk in answer["Body"].iter_chunks(1024**2):
                file.write(chunk)
        self._copies[key] = answer["ETag"], path
        return path

    def draft(self) -> Path:
        """Where a file may be written first."""
        with self._told("write", ""):
            return self._scratch.file()

    def publish(self, draft: Path, key: str) -> None:
        """Keep a draft under the key, at once or not at all."""
        with self._told("write", key):
            etag = self._call(self._put, draft, key)
        # What was written needs no download.
        self._copies[key] = etag, draft

    def _put(self, draft: Path, key: str) -> str:
        # One request, which a file of a month never outgrows (5 GiB): a process that is killed while it
        # uploads in parts leaves them in the bucket.
        with draft.open("rb") as file:
            return self._client.put_object(Bucket=self.bucket, Key=self._name(key), Body=file)["ETag"]

    def remove(self, key: str) -> None:
        """Remove a file."""
        with self._told("remove", key):
            self._call(self._client.delete_object, Bucket=self.bucket, Key=self._name(key))

    def put_aside(self, label: str) -> str:
        """Copy all files to a prefix beside this one, then remove them here.

        The record of the source goes last: where this is cut short, the prefix still says whose it is.
        """
        target = f"{self.prefix}-put-aside/{label}"
        keys = sorted(self.keys(""), key=lambda key: "/" not in key and key.endswith(".json"))
        with self._told("copy to", target):
            for key in keys:
                source = {"Bucket": self.bucket, "Key": self._name(key)}
                self._call(
                    self._client.copy_object, Bucket=self.bucket, Key=f"{target}/{key}", CopySource=source
                )
        for key in keys:
            self.remove(key)
            self._copies.pop(key, None)
        return f"s3://{self.bucket}/{target}"

    def check(self) -> None:
        """Raise a `StorageError` where the place cannot be used."""
        _ = self._client

    def _call(self, call: Callable[..., T], *arguments: Any, **named: Any) -> T:
        return patiently(OUTAGE_SECONDS, call, *arguments, **named)

    def _name(self, key: str) -> str:
        return f"{self.prefix}/{key}" if key else self.prefix

    @contextmanager
    def _told(self, verb: str, key: str) -> Generator[None]:
        try:
            yield
        except (BotoCoreError, ClientError, OSError) as error:
            raise told(error, f"{verb} {self.where(key)}", address(self.s3), self.bucket) from error
