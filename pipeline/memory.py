"""The memory of the speech models: how it is handed out, and what is said when it ran out."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pipeline.errors import TransientError

TUNABLES = "GLIBC_TUNABLES"
FOR_MODELS = "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1"
"""What glibc must be told when a process starts (large pages: 2.35 and newer); others ignore it.

The recogniser takes and returns megabytes at each of its steps, in several threads. To fill pages
of 4 kB anew each time costs a sixth of its time; pages of 2 MB cost next to nothing. And what each
thread keeps for itself, an arena, comes to some hundred megabytes that nobody uses.
"""

ANEW = "callscore_began_anew"


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


def ran_out(error: RuntimeError) -> bool:
    """As CTranslate2 and torch say it, of the GPU's memory and of the machine's."""
    said = str(error).lower()
    signs = ("out of memory", "failed to allocate", "can't allocate", "alloc_failed")
    return any(sign in said for sign in signs)


@contextmanager
def may_run_out(who: str) -> Iterator[None]:
    """Memory that ran out may be free again later: raises TransientError."""
    try:
        yield
    except RuntimeError as error:
        if not ran_out(error):
            raise
        raise TransientError(f"{who} ran out of memory; score fewer calls at once") from None
