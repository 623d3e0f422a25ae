"""Figures for a monitoring system, as Prometheus text: from the database, whoever does the work."""

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.errors import CallscoreError
from pipeline.status import batch_status, totals
from pipeline.store import STATUSES, Store
from pipeline.tables import utc_now
from pipeline.worklist import WAITING, WORKING


class CallscoreCollector(Collector):
    """Reads the figures anew each time it is asked."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[Metric]:
        up = "1 when the database answers; 0: it does not, and there are no other figures."
        try:
            figures = [*self._figures(), *self._last_batch()]
        except CallscoreError:
            yield GaugeMetricFamily("callscore_up", up, value=0)
            return
        yield GaugeMetricFamily("callscore_up", up, value=1)
        yield from figures

    def _figures(self) -> Iterator[Metric]:
        now = totals(self._store)
        calls = CounterMetricFamily(
            "callscore_calls", "Recordings that batches were through with.", labels=["outcome"]
        )
        for status in STATUSES:
            calls.add_metric([status], now.counts.get(status, 0))
        yield calls
        yield CounterMetricFamily(
            "callscore_audio_seconds", "Length of the calls scored.", value=now.audio_s
        )
        yield CounterMetricFamily(
            "callscore_scoring_seconds",
            "Time taken to score them; over callscore_audio_seconds: the real-time factor.",
            value=now.scoring_s,
        )
        for name in (WAITING, WORKING):
            yield GaugeMetricFamily(
                f"callscore_queue_{name}",
                f"Recordings of unfinished batches that are {name}.",
                value=now.counts.get(name, 0),
            )
        yield GaugeMetricFamily(
            "callscore_queue_age_seconds",
            "So long the longest waiting recording has waited.",
            value=_age_s(now.oldest_waiting_at),
        )
        yield GaugeMetricFamily(
            "callscore_workers", "Flow runs at work that are alive.", value=now.workers
        )

    def _last_batch(self) -> Iterator[Metric]:
        number = self._store.last_batch()
        last = None if number is None else batch_status(self._store, number)
        if last is None:
            return
        yield GaugeMetricFamily(
            "callscore_last_batch_started_timestamp_seconds",
            "When the last batch began.",
            value=last.started_at.replace(tzinfo=UTC).timestamp(),
        )
        yield GaugeMetricFamily(
            "callscore_last_batch_finished",
            "1 when the last batch is through, 0 while it is not.",
            value=last.finished_at is not None,
        )
        outcomes = GaugeMetricFamily(
            "callscore_last_batch_calls", "Recordings of the last batch.", labels=["outcome"]
        )
        for status in (*STATUSES, WAITING, WORKING):
            outcomes.add_metric([status], last.counts.get(status, 0))
        yield outcomes


def metrics_text(store: Store) -> str:
    """All figures in Prometheus' text format."""
    return generate_latest(_registry(store)).decode()


def serve_metrics(store: Store, host: str, port: int) -> None:
    """Answers scrapes for as long as the process lives. Raises OSError: the port is taken."""
    _, thread = start_http_server(port, host, _registry(store))
    thread.join()


def _registry(store: Store) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(CallscoreCollector(store))
    return registry


def _age_s(since: datetime | None) -> float:
    if since is None:
        return 0.0
    return max(0.0, (utc_now() - since).total_seconds())
