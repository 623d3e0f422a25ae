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
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from pebble import ProcessExpired, ProcessPool

from pipeline import memory
from pipeline.audio import load
from pipeline.batch import Batch, Listen, score_one
from pipeline.engines import SpeechEngines
from pipeline.errors import TransientError
from pipeline.find import Found
from pipeline.risk import risk_of
from pipeline.rubric import Rubrics
from pipeline.settings import Settings
from pipeline.store import Outcome, Store

# oneDNN keeps 1,024 prepared operations, one for each length of input, and calls are all of
# different lengths: 0.2 MB a call, for nothing.
ONEDNN_KEEPS = 16

# Looking leaves little behind.
LOOKS_PER_PROCESS = 1000

_T = TypeVar("_T")


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
    """``settings.parallel_calls`` processes that score the calls of a batch; a context.

    Beside them one without models, which looks at recordings before they are scored.
    """

    def __init__(self, order: Order) -> None:
        settings = order.settings
        memory.use_in_new_processes()
        self._timeout_s = settings.call_timeout_s
        self._max_duration_s = settings.max_duration_s
        self._scorers = _Pool(settings.parallel_calls, settings.calls_per_process, order)
        self._scout = _Pool(1, LOOKS_PER_PROCESS, order)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        for pool in (self._scorers, self._scout):
            pool.end(at_once=kind is not None)

    def score(self, found: Found) -> Outcome:
        """Scores one recording and waits for it. Any thread may call it.

        Raises
        ------
        TransientError
            As :func:`pipeline.batch.score_one`; or the processes had to be started anew.
        ProcessDied
            The process did not live to tell.
        """
        return self._scorers.run(_score, found, self._timeout_s)

    def risk(self, recording: Path) -> float:
        """As :func:`pipeline.risk.risk_of`. Raises what loading it raises, and as :meth:`score`."""
        return self._scout.run(_risk, (recording, self._max_duration_s), self._timeout_s)


class _Pool:
    """Processes of one kind. A pool that broke (one died while it had nothing to do) is renewed."""

    def __init__(self, size: int, calls: int, order: Order) -> None:
        self._make = partial(
            ProcessPool,
            max_workers=size,
            max_tasks=calls,
            initializer=_begin,
            initargs=(order,),
            context=multiprocessing.get_context("spawn"),
        )
        self._pool = self._make()
        self._renewing = threading.Lock()

    def run(self, work: Callable[[Any], _T], given: object, timeout_s: float) -> _T:
        pool = self._pool
        try:
            future = pool.schedule(work, args=(given,), timeout=timeout_s)
            return future.result()
        except CallTookTooLong:
            raise ProcessDied(f"it took longer than {timeout_s:.0f} s") from None
        except ProcessExpired as error:
            raise ProcessDied(f"it ended its process ({_how(error.exitcode)})") from None
        except Exception:
            if pool.active:
                raise
            with self._renewing:
                if self._pool is pool:
                    pool.stop()  # type: ignore[no-untyped-call]
                    self._pool = self._make()
            raise TransientError("the processes that score had to be started anew") from None

    def end(self, *, at_once: bool) -> None:
        if at_once:
            self._pool.stop()  # type: ignore[no-untyped-call]
        else:
            self._pool.close()  # type: ignore[no-untyped-call]
        self._pool.join()


_order: Order
_batch: Batch | None = None


def _begin(order: Order) -> None:
    """Runs first in each process. Models and database are opened by the first call."""
    global _order
    _order = order
    # We are the process of its own; joblib's would leave semaphores behind.
    os.environ["JOBLIB_MULTIPROCESSING"] = "0"
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(ONEDNN_KEEPS))
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
            Store.of(settings, settings.patience_s),
            order.listen,
        )
    return score_one(found, _batch)


def _risk(asked: tuple[Path, float]) -> float:
    recording, max_duration_s = asked
    return risk_of(load(recording, max_duration_s=max_duration_s))


def _share_of_cores(processes: int) -> int:
    return max(1, (os.cpu_count() or 1) // processes)


def _how(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return "killed, mostly because memory ran out"
    return f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
