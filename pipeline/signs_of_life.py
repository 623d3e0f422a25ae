"""Whether another worker lives.

It is taken for dead when its process is gone from this host, or when its beats stood still for
``DEAD_AFTER_S`` by the observer's own clock. No two clocks need agree, and one that is set harms
nothing.
"""

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.tables import WorkerRow

BEAT_EVERY_S = 5.0
DEAD_AFTER_S = 60.0
"""So long a worker may be silent: twelve beats."""


@dataclass
class Watch:
    """What this process has seen of the others' beats."""

    seen: dict[int, tuple[int, float]] = field(default_factory=dict)
    looked_at: float = 0.0

    def dead(self, workers: Sequence[WorkerRow]) -> list[WorkerRow]:
        """Those of the workers that live no more. Ask every few seconds."""
        now = time.monotonic()
        if now - self.looked_at > DEAD_AFTER_S / 2:
            self.seen.clear()  # nobody looked for a while (database away): nobody could beat either
        self.looked_at = now
        there = {worker.id for worker in workers}
        self.seen = {worker: seen for worker, seen in self.seen.items() if worker in there}
        dead = []
        for worker in workers:
            beats, since = self.seen.get(worker.id, (-1, now))
            if beats != worker.beats:
                self.seen[worker.id] = worker.beats, now
                since = now
            if is_gone(worker) or now - since > DEAD_AFTER_S:
                dead.append(worker)
        return dead


def this_host() -> str:
    """Name of the host; on Linux also which start of it, and which process numbers are meant."""
    parts = [platform.node()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))  # noqa: PTH115 - not a path
    except OSError:
        pass
    return " ".join(parts)


def process_start(pid: int) -> str | None:
    """When the process of this number began, in ticks since the host's start; None: there is none.

    Empty where the system does not tell (no Linux): then only beats count.
    """
    if not Path("/proc/self/stat").exists():
        return ""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state == "Z" else fields[18]


def is_gone(worker: WorkerRow) -> bool:
    """Whether a worker of this host lives no more; of other hosts only their beats tell."""
    return worker.host == this_host() and process_start(worker.pid) != worker.boot
