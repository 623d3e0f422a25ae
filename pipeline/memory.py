"""The memory of the speech models: how it is handed out, and what is done when it ran out."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from pipeline.errors import TransientError

log = logging.getLogger(__name__)

TUNABLES = "GLIBC_TUNABLES"
FOR_MODELS = "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1"
"""What glibc must be told when a process starts (large pages: 2.35 and newer); others ignore it.

The recogniser takes and returns megabytes at each of its steps, in several threads. To fill pages
of 4 kB anew each time costs a sixth of its time; pages of 2 MB cost next to nothing. And what each
thread keeps for itself, an arena, comes to some hundred megabytes that nobody uses.
"""

ANEW = "callscore_began_anew"

RAN_OUT = ("out of memory", "failed to allocate", "can't allocate", "alloc_failed")
LEFT_BEHIND = "invalid device ordinal"
"""So CTranslate2 4.8 fails at its next computation on a GPU whose memory ran out (seen on an H200);
what fails so then is tried once more."""

_T = TypeVar("_T")


class AtOnce:
    """How many pieces of something (``what``) are worked on at once; fewer when memory runs out."""

    def __init__(self, number: int, what: str) -> None:
        self._number = number
        self._what = what

    def do(self, work: Callable[[int], _T]) -> _T:
        """Does ``work``, which is told how many; again with half as many when memory ran out.

        It stays at half as many from then on. Any thread may call it.
        """
        after_it = False
        while True:
            number = self._number
            try:
                return work(number)
            except (RuntimeError, MemoryError) as error:
                if after_it and LEFT_BEHIND in str(error):
                    after_it = False
                    continue
                if not ran_out(error) or number == 1:
                    raise
                after_it = True
                self._number = min(self._number, number // 2)
                log.warning("memory ran out; from now on %d %s at a time", number // 2, self._what)


def use_in_new_processes() -> None:
    """Who tunes glibc themselves keep their own."""
    os.environ.setdefault(TUNABLES, FOR_MODELS)


def begin_anew() -> None:
    """Starts the running command again, if it did not start so."""
    if sys.platform != "linux" or TUNABLES in os.environ or ANEW in sys._xoptions:
        return
    use_in_new_processes()
    with suppress(OSError):  # then it goes on as it is
        os.execv(sys.executable, [sys.executable, "-X", ANEW, *sys.orig_argv[1:]])


def ran_out(error: RuntimeError | MemoryError) -> bool:
    """As CTranslate2, torch and pyannote say it, of the GPU's memory and of the machine's."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in said for sign in RAN_OUT)


@contextmanager
def may_run_out(who: str) -> Iterator[None]:
    """Memory that ran out may be free again later: raises TransientError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        raise TransientError(f"{who} ran out of memory; score fewer calls at once") from None
