"""Files in an S3 bucket: on Amazon, MinIO or any other S3 server."""

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

    Every method raises `StorageError`, a sentence, if the server refuses, or stays silent for longer
    than `retries` allows.

    Attributes:
        bucket: the bucket's name.
        prefix: the folder in the bucket.
        s3: makes the clients; credentials come from the environment or a profile.
        scratch_root: where this machine keeps drafts and downloaded copies.
    """

    bucket: str
    prefix: str
    s3: S3Clients
    scratch_root: Path
    _copies: dict[str, tuple[str, Path]] = field(default_factory=dict)

    @cached_property
    def _client(self) -> Any:
        """The client, once the server has answered; gives up soon if it never does."""
        with self._told("use", ""):
            first = self.s3.get_client(FIRST_ANSWER_SECONDS / 2)
            # A listing, since a failed HEAD request does not say what is wrong.
            request = {"Bucket": self.bucket, "Prefix": f"{self.prefix}/", "MaxKeys": 1}
            patiently(FIRST_ANSWER_SECONDS, first.list_objects_v2, **request)
            return self.s3.get_client()

    @cached_property
    def _scratch(self) -> Scratch:
        return Scratch(self.scratch_root)

    def where(self, key: str) -> str:
        """Return the address of a file."""
        return f"s3://{self.bucket}/{self._name(key)}"

    def exists(self, key: str) -> bool:
        """Return whether a file is stored."""
        with self._told("read", key):
            try:
                self._call(self._client.head_object, Bucket=self.bucket, Key=self._name(key))
            except ClientError as error:
                if code(error) in NOT_THERE:
                    return False
                raise
        return True

    def keys(self, folder: str) -> list[str]:
        """List the keys in a folder."""
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
        """Return each file as a local file; None if it is missing."""
        # Made here, since otherwise each thread would make its own.
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
        """Download a file, unless this process has a copy that is still current."""
        known, copy = self._copies.get(key, (None, None))
        only_if_new = {"IfNoneMatch": known} if known else {}
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=self._name(key), **only_if_new)
        except ClientError as error:
            if copy is not None and code(error) in ("304", "NotModified"):
                return copy
            raise
        # Never overwrite the former copy: an expression may still read it.
        path = self._scratch.file()
        with path.open("wb") as file:
            for chunk in answer["Body"].iter_chunks(1024**2):
                file.write(chunk)
        self._copies[key] = answer["ETag"], path
        return path

    def draft(self) -> Path:
        """Return a path for a file that is not published yet."""
        with self._told("write", ""):
            return self._scratch.file()

    def publish(self, draft: Path, key: str) -> None:
        """Store a draft under the key, whole or not at all."""
        with self._told("write", key):
            etag = self._call(self._put, draft, key)
        # A file that this process wrote needs no download.
        self._copies[key] = etag, draft

    def _put(self, draft: Path, key: str) -> str:
        # One request, which is enough for a month's file (up to 5 GiB): a process that is killed during a
        # multipart upload leaves its parts in the bucket.
        with draft.open("rb") as file:
            return self._client.put_object(Bucket=self.bucket, Key=self._name(key), Body=file)["ETag"]

    def remove(self, key: str) -> None:
        """Remove a file."""
        with self._told("remove", key):
            self._call(self._client.delete_object, Bucket=self.bucket, Key=self._name(key))

    def put_aside(self, label: str) -> str:
        """Copy all files to a prefix beside this one, then remove them here.

        The source's record goes last: if this is interrupted, the prefix still says whose tables it holds.
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
        """Raise a `StorageError` if the bucket is not usable."""
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
