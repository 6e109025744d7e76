"""Collect the metrics when Prometheus scrapes: each part is read at most once in a while."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from crm_assets.errors import CrmAssetsError
from crm_assets.monitoring.metrics import METRICS, READ_AT, READ_SECONDS, UP, Metric, Sample

# Seconds for which values are given again, so that two who scrape do not read everything twice.
FRESH = 15.0


class Pipeline(Collector):
    """The metrics of all parts. A part that cannot be read is told as such, and hides none of the others.

    Attributes:
        parts: what reads each part.
    """

    def __init__(self, parts: Mapping[str, Callable[[], list[Sample]]]) -> None:
        self.parts = parts
        self._lock, self._read_at = threading.Lock(), -FRESH
        self._samples: list[Sample] = []
        self._faults: dict[str, str] = {}

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registering reads nothing."""
        return []

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return all metrics that have values."""
        with self._lock:
            if time.monotonic() - self._read_at >= FRESH:
                self._samples = [sample for name in self.parts for sample in self._part(name)]
                self._samples.append(Sample(READ_AT, (), time.time()))
                self._read_at = time.monotonic()
            samples = self._samples
        return families(samples)

    def _part(self, name: str) -> list[Sample]:
        start = time.perf_counter()
        try:
            found, fault = self.parts[name](), ""
        except CrmAssetsError as error:
            found, fault = [], str(error)
        except Exception as error:  # a server of any kind may be away
            found, fault = [], f"{name} cannot be read ({type(error).__name__}): {_first_line(error)}"
        if fault != self._faults.get(name, ""):
            print(fault or f"{name} can be read again.", file=sys.stderr, flush=True)
        self._faults[name] = fault
        seconds = time.perf_counter() - start
        return [*found, Sample(UP, (name,), float(not fault)), Sample(READ_SECONDS, (name,), seconds)]


def families(samples: Iterable[Sample]) -> list[GaugeMetricFamily]:
    """Return samples as Prometheus' client writes them, in the order of the metrics."""
    found: dict[str, GaugeMetricFamily] = {}
    for metric in METRICS:
        found[metric.name] = GaugeMetricFamily(metric.name, metric.about, labels=metric.labels)
    for sample in samples:
        found[sample.metric.name].add_metric(sample.labels, sample.value)
    return [family for family in found.values() if family.samples]


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")
