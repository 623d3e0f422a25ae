"""Times side by side, with what each was bought with: word and speaker errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from tests.bench.figures import edits, words_of
from tests.bench.speed.paths import speakers_of
from tests.bench.speed.processes import Timed
from tests.bench.speed.recordings import ROLES, Spoken, TimedCall

OURS = "callscore"


def compare(call: TimedCall, channels: str, taken: Mapping[str, Sequence[Timed]]) -> str:
    """A table of paths: time, time against ours, processors' time, memory, errors."""
    lines = [
        f"{call.name}, {channels}, {call.duration_s:.0f} s",
        "",
        "| path | time | callscore / it | processors busy | peak memory | word errors | DER |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, rounds in taken.items():
        ratio = median(
            ours.took_s / other.took_s for ours, other in zip(taken[OURS], rounds, strict=True)
        )
        cells = (
            name,
            f"{median(one.took_s for one in rounds):.2f} s",
            f"{ratio:.2f}",
            f"{median(one.busy_s for one in rounds):.1f} s",
            f"{rounds[-1].peak_mb:.0f} MB",
            word_errors(call, rounds[-1].words),
            speaker_errors(call, channels, name, rounds[-1]),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def word_errors(call: TimedCall, heard: Sequence[str]) -> str:
    """The word error rate over all channels; of a mono recording by the words in order of time."""
    if not call.words:
        return "–"
    said = [call.text(role) for role in ROLES] if len(heard) == len(ROLES) else [call.text()]
    pairs = [(words_of([a]), words_of([b])) for a, b in zip(said, heard, strict=True)]
    return f"{sum(edits(a, b) for a, b in pairs) / sum(len(a) for a, _ in pairs):.3f}"


def speaker_errors(call: TimedCall, channels: str, name: str, heard: Timed) -> str:
    """The diarization error rate without a collar, of a mono recording."""
    if channels == "stereo" or not call.spoken:
        return "–"
    spoken = speakers_of(call.mono) if name == OURS else heard.spoken
    return f"{100 * diarization_error(call.spoken, spoken):.1f} %" if spoken else "–"


def diarization_error(truth: Sequence[Spoken], found: Sequence[Spoken]) -> float:
    """pyannote.metrics' rate: missed, invented and confused time over the time spoken."""
    from pyannote.core import Annotation, Segment
    from pyannote.metrics.diarization import DiarizationErrorRate

    def annotation(spoken: Sequence[Spoken]) -> Annotation:
        made = Annotation()
        for number, (who, start, end) in enumerate(spoken):
            made[Segment(start, end), number] = who
        return made

    return float(DiarizationErrorRate()(annotation(truth), annotation(found)))
