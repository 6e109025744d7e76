"""Faults of an S3 server: which are temporary, and a sentence for the others."""

from __future__ import annotations

from botocore import exceptions as aws

from crm_assets.errors import StorageError

NOT_THERE = ("404", "NoSuchKey", "NotFound")
_PASSING_CODES = frozenset(
    {"SlowDown", "Throttling", "ThrottlingException", "RequestTimeout", "TooManyRequests", "OperationAborted"}
)
_WRONG_KEY = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"})
_NO_CREDENTIALS = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.ProfileNotFound,
    aws.CredentialRetrievalError,
)
_UNANSWERED = (
    aws.EndpointConnectionError,
    aws.ConnectTimeoutError,
    aws.ReadTimeoutError,
    aws.ConnectionClosedError,
    aws.ProxyConnectionError,
    aws.ResponseStreamingError,
    aws.IncompleteReadError,
)
LOCALLY = "To keep tables in a folder on this machine instead, set CRM_STORAGE=local."


def code(error: aws.ClientError) -> str:
    """Return the code of a server's refusal, for example `NoSuchBucket`; its HTTP status if it gave none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def passing(error: BaseException) -> bool:
    """Return whether a fault may be temporary: silence, overload, or an internal error of the server."""
    if isinstance(error, aws.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or status == 429 or code(error) in _PASSING_CODES
    return isinstance(error, _UNANSWERED) and not isinstance(error, aws.SSLError)


def told(error: Exception, doing: str, server: str, bucket: str) -> StorageError:
    """Turn an error into a sentence: what was wrong, where, what to do.

    Args:
        error: what botocore, or the disk, raised.
        doing: what was tried, for example `write s3://crm-assets/tables/champion.parquet`.
        server: the server's address.
        bucket: the bucket's name.
    """
    if isinstance(error, aws.ClientError):
        return StorageError(_refusal(error, doing, server, bucket))
    if isinstance(error, _NO_CREDENTIALS):
        return StorageError(
            f"Cannot {doing}: the S3 credentials are missing or incomplete ({error}); set AWS_ACCESS_KEY_ID "
            f"and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE. {LOCALLY}"
        )
    if isinstance(error, aws.SSLError):
        return StorageError(
            f"Cannot {doing}: a secure connection to {server} failed ({error}); check whether the server "
            "uses http or https. If you have your own certificate authority, set AWS_CA_BUNDLE to its file."
        )
    if isinstance(error, _UNANSWERED):
        return StorageError(
            f"Cannot {doing}: the S3 server at {server} does not answer ({type(error).__name__}); "
            f"start it, or correct CRM_S3_ENDPOINT. {LOCALLY}"
        )
    if isinstance(error, OSError) and error.errno is not None:
        return StorageError(
            f"Cannot {doing}: {error.strerror or error}; check the free disk space on this machine."
        )
    return StorageError(f"Cannot {doing}: {error}; check CRM_S3_ENDPOINT and the AWS_… variables.")


def _refusal(error: aws.ClientError, doing: str, server: str, bucket: str) -> str:
    what = code(error)
    if what == "NoSuchBucket":
        return (
            f"Cannot {doing}: there is no bucket {bucket} at {server}; create it, or correct CRM_S3_BUCKET. "
            f"{LOCALLY}"
        )
    if what in _WRONG_KEY:
        return (
            f"Cannot {doing}: {server} does not accept the credentials ({what}); check AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY."
        )
    if what in ("AccessDenied", "403", "Forbidden"):
        return (
            f"Cannot {doing}: {server} does not allow it with these credentials ({what}); give them the "
            f"rights to list, read, write and delete in the bucket {bucket}."
        )
    message = error.response.get("Error", {}).get("Message", "")
    return (
        f"Cannot {doing}: {server} answered {what or 'with an error'}: {message.rstrip('.')}; "
        "check CRM_S3_ENDPOINT and the server's log."
    )
