"""Builds calls with exact truth, runs the pipeline over them, and prints how right it is.

    python -m tests.bench [--calls N] [--seed N] [--speech kokoro|samples|FOLDER] [--out FILE]

``kokoro`` speaks the bench's own lines (tests/generator/README.md says what it needs), ``samples``
cuts up the sample calls and needs nothing, a folder holds anybody's clips (`clips.from_folder`).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.call import judge, listen
from pipeline.engines import SpeechEngines
from pipeline.records import Metadata
from pipeline.result import to_dict
from pipeline.rubric import load_rubric
from pipeline.settings import Settings
from tests.bench import clips, report
from tests.bench.build import BuiltCall, build
from tests.bench.figures import Figures


def speakers_of(speech: str) -> list[clips.Speaker]:
    """The speakers of a source: ``kokoro``, ``samples``, or a folder."""
    if speech == "kokoro":
        return clips.from_synthesizer()
    return clips.from_samples() if speech == "samples" else clips.from_folder(Path(speech))


def run(
    calls: Sequence[BuiltCall], engines: SpeechEngines, results: Path | None = None
) -> dict[tuple[str, str], Figures]:
    """The figures by channels (``stereo``, ``mono``) and condition of the line."""
    rubric = load_rubric()
    figures: dict[tuple[str, str], Figures] = {}
    for call in calls:
        for channels, path, metadata in _recordings(call):
            facts = listen(path, metadata, engines)
            result = to_dict(judge(facts, rubric))
            for key in ((channels, "all"), (channels, call.condition)):
                figures.setdefault(key, Figures()).add(
                    call.truth, result, words_known=call.words_known
                )
            if results is not None:
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({**result, "call_id": path.stem}) + "\n")
    return figures


def _recordings(call: BuiltCall) -> list[tuple[str, Path, Metadata]]:
    """What is listened to, and what is said about it beforehand.

    Where nobody knows the words, nothing tells the agent: then the channel is named, and the mono
    mix, where it cannot be named, is left out.
    """
    if not call.words_known:
        named = Metadata(call.call_id, agent_channel=call.agent_channel)
        return [("stereo", call.stereo, named)]
    unlabelled = Metadata(call.call_id, language="en")
    return [("stereo", call.stereo, unlabelled), ("mono", call.mono, unlabelled)]


def main() -> None:
    """Builds, runs and reports what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--calls", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speech", default="samples", help="kokoro, samples or a folder of clips")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    parser.add_argument("--keep", type=Path, help="keep recordings, truth and results here")
    args = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        speakers = speakers_of(args.speech)
        known = args.speech in ("kokoro", "samples")
        calls = [
            build(n, args.seed, speakers, folder, words_known=known) for n in range(args.calls)
        ]
        results = args.keep and args.keep / "results.jsonl"
        if results:
            results.unlink(missing_ok=True)
        figures = run(calls, SpeechEngines(Settings()), results)
    minutes = sum(call.truth["audio"]["duration"] for call in calls) / 60
    source = args.speech if known else "clips of a folder"
    about = f"{len(calls)} calls, {minutes:.0f} min, seed {args.seed}, speech: {source}"
    text = report.markdown(figures, about)
    print(text, end="")
    print(f"\n{time.monotonic() - began:.0f} s in all")
    if args.out:
        args.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
