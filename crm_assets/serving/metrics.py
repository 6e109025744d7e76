"""What Prometheus scrapes: requests, times, the model in force, and the health of what the API leans on."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The metrics of one API."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "crm_api_requests", "Requests by address and status.", ("route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "crm_api_request_seconds",
            "Seconds from the request's head to the end of the answer.",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.in_flight = Gauge("crm_api_in_flight", "Requests under way.", registry=self.registry)
        self.deals = Counter(
            "crm_api_fresh_deals", "Deals that were predicted afresh.", registry=self.registry
        )
        self.model = Gauge(
            "crm_api_model_version", "The model version in force, 0 without one.", registry=self.registry
        )
        self.switches = Gauge(
            "crm_api_model_switches", "Changes of the model so far.", registry=self.registry
        )
        self.healthy = Gauge(
            "crm_api_healthy", "1 if the part answered when last asked.", ("part",), registry=self.registry
        )
        self.cache = Gauge(
            "crm_api_cache", "Answers found, missed and failed.", ("what",), registry=self.registry
        )

    def text(self) -> bytes:
        """Return all metrics as Prometheus reads them."""
        return generate_latest(self.registry)
