"""A process that runs one path over the recordings whose paths it reads from its input.

    python -m tests.bench.speed.worker PATH

Answers a line of JSON each: seconds (wall, and of all its processors), the peak memory of the
process so far (MB), words and speakers. The first answer comes when the models are loaded, and says
how long the process took up to then.
"""

import json
import os
import re
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any


def peak_mb() -> float:
    """The most memory that this process ever had in use."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    began = time.perf_counter()
    from tests.bench.speed.paths import PATHS

    hear = PATHS[sys.argv[1]]()

    def answer(**said: Any) -> None:
        print(json.dumps(said), file=answers, flush=True)

    answer(took_s=time.perf_counter() - began, peak_mb=peak_mb())
    for line in sys.stdin:
        wall, busy = time.perf_counter(), time.process_time()
        heard = hear(Path(line.strip()))
        answer(
            took_s=time.perf_counter() - wall,
            busy_s=time.process_time() - busy,
            peak_mb=peak_mb(),
            **asdict(heard),
        )


if __name__ == "__main__":
    main()
