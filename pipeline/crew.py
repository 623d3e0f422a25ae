"""Processes that score calls, so that one that dies takes nothing else with it.

Each has speech models of its own. A call that crashes its process or uses up the memory costs that
process only; a process is replaced after so many calls, so that no leak grows through a night.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as CallTookTooLong
from dataclasses import dataclass
from typing import Self

from pebble import ProcessExpired, ProcessPool

from pipeline.batch import Batch, Listen, score_one
from pipeline.engines import SpeechEngines
from pipeline.find import Found
from pipeline.rubric import Rubrics
from pipeline.settings import Settings
from pipeline.store import Outcome, Store


class ProcessDied(Exception):
    """The process that scored a call died, or was ended because it took too long."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a process needs to know to score the calls of a batch."""

    batch: int
    settings: Settings
    rubrics: Rubrics
    listen: Listen


class Crew:
    """``settings.parallel_calls`` processes that score the calls of a batch; a context."""

    def __init__(self, order: Order) -> None:
        settings = order.settings
        self._timeout_s = settings.call_timeout_s
        self._pool = ProcessPool(
            max_workers=settings.parallel_calls,
            max_tasks=settings.calls_per_process,
            initializer=_begin,
            initargs=(order,),
            context=multiprocessing.get_context("spawn"),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self._pool.close()  # type: ignore[no-untyped-call]
        else:
            self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()

    def score(self, found: Found) -> Outcome:
        """Scores one recording and waits for it. Any thread may call it.

        Raises
        ------
        TransientError
            As :func:`pipeline.batch.score_one`.
        ProcessDied
            The process did not live to tell.
        """
        future = self._pool.schedule(_score, args=(found,), timeout=self._timeout_s)
        try:
            return future.result()
        except CallTookTooLong:
            raise ProcessDied(f"it took longer than {self._timeout_s:.0f} s") from None
        except ProcessExpired as error:
            raise ProcessDied(f"scoring it ended the process ({_how(error.exitcode)})") from None


_order: Order
_batch: Batch | None = None


def _begin(order: Order) -> None:
    """Runs first in each process. Models and database are opened by the first call."""
    global _order
    _order = order
    # Ctrl-C goes to the whole group: the parent decides what becomes of us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.join,), daemon=True).start()


def _end_with(wait: Callable[[], object]) -> None:
    """A process whose parent was killed must not go on with what another may have taken up."""
    wait()
    os._exit(1)


def _score(found: Found) -> Outcome:
    global _batch
    if _batch is None:
        order = _order
        threads = order.settings.cpu_threads or _share_of_cores(order.settings.parallel_calls)
        settings = order.settings.model_copy(update={"cpu_threads": threads})
        _batch = Batch(
            order.batch,
            settings,
            order.rubrics,
            SpeechEngines(settings),
            Store(settings.database_url, patience_s=settings.patience_s),
            order.listen,
        )
    return score_one(found, _batch)


def _share_of_cores(processes: int) -> int:
    return max(1, (os.cpu_count() or 1) // processes)


def _how(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return "killed, mostly because memory ran out"
    return f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
