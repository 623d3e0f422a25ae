"""Fills a batch's work list, while the first recordings are scored already."""

import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice

from tenacity import Retrying

from pipeline.batch import Batch
from pipeline.crew import Crew
from pipeline.find import Found, find_recordings, stamp_of
from pipeline.remote import list_remote
from pipeline.triage import triage
from pipeline.worklist import Lined, Worklist

STILL_WRITTEN = "still being written; the next batch takes it"
# Recordings go into the work list in lots of so many, so that scoring starts early.
LOT = 50


class Finder(threading.Thread):
    """Finds recordings and puts them into the work list; the youngest after a second look."""

    def __init__(
        self, worklist: Worklist, batch: Batch, crew: Crew, paths: list[str], patient: Retrying
    ) -> None:
        super().__init__(name="finder", daemon=True)
        self._worklist = worklist
        self._batch = batch
        self._crew = crew
        self._paths = paths
        self._patient = patient
        self._error: BaseException | None = None
        self.start()

    def is_done(self) -> bool:
        """Whether all is found; raises what went wrong."""
        if self._error is not None:
            raise self._error
        return not self.is_alive()

    def run(self) -> None:
        try:
            self._find()
        except BaseException as error:
            self._error = error

    def _find(self) -> None:
        settle_s = self._batch.settings.settle_s
        young: list[tuple[Found, tuple[int, int] | None]] = []

        def settled() -> Iterator[Found]:
            for found in find_recordings(self._paths, partial(self._patient, list_remote)):
                if _is_young(found, settle_s):
                    young.append((found, _stamp(found)))
                else:
                    yield found

        self._line_up(map(self._triage, settled()))
        if young:
            time.sleep(settle_s)
            self._line_up(
                self._triage(found)
                if _stamp(found) == stamp
                else Lined(found, status="skipped", reason=STILL_WRITTEN)
                for found, stamp in young
            )

    def _triage(self, found: Found) -> Lined:
        return self._patient(triage, found, self._batch, self._crew.risk)

    def _line_up(self, lined: Iterator[Lined]) -> None:
        while lot := list(islice(lined, LOT)):
            self._patient(self._worklist.add, lot)


def _is_young(found: Found, settle_s: float) -> bool:
    """Whether it changed just now; or in the future, by a clock that is ahead."""
    stamp = _stamp(found) if found.address is None else None  # objects appear there whole
    return stamp is not None and time.time() - stamp[1] / 1e9 < settle_s


def _stamp(found: Found) -> tuple[int, int] | None:
    try:
        return stamp_of(found)
    except (OSError, ValueError):
        return None
