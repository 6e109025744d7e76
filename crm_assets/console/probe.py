"""`python -m crm_assets.console.probe http URL` or `grpc HOST:PORT`: check the health of a service.

It imports little, since it runs again and again beside the service.
"""

from __future__ import annotations

import argparse
import http.client
import sys
import urllib.error
import urllib.request

TIMEOUT_S = 10


def http_health(url: str) -> str | None:
    """Return what is wrong with a web service; None if it answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S):  # noqa: S310 - an address of our own services
            return None
    except (OSError, urllib.error.URLError, http.client.HTTPException) as error:
        return f"{url} does not answer: {error}"


def grpc_health(address: str) -> str | None:
    """Return what is wrong with a code location; None if it says that it is serving."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    try:
        with grpc.insecure_channel(address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(health_pb2.HealthCheckRequest(service="DagsterApi"), timeout=TIMEOUT_S)
    except grpc.RpcError as error:
        return f"{address} does not answer: {error}"
    serving = answer.status == health_pb2.HealthCheckResponse.SERVING
    return None if serving else f"{address} is not serving yet"


PROBES = {"http": http_health, "grpc": grpc_health}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m crm_assets.console.probe", description="Check the health of a service."
    )
    parser.add_argument("kind", choices=PROBES)
    parser.add_argument("target", metavar="URL or HOST:PORT")
    given = parser.parse_args()
    sys.exit(PROBES[given.kind](given.target))
