"""The truth of a mixed call, and the sidecar with its recording metadata, as JSON data.

The format of the truth is described in README.md. Seconds have three decimals, as in a call result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .effort import Effort
from .mix import LINE_RATE_HZ, MixedCall
from .records import Answer, CallScript


def sidecar_of(script: CallScript) -> dict[str, Any]:
    """The metadata file beside the recording."""
    sidecar = {"call_id": script.call_id, **script.metadata}
    if script.recording.labelled and script.recording.agent_channel:
        sidecar["agent_channel"] = script.recording.agent_channel
    return sidecar


def truth_of(script: CallScript, mixed: MixedCall, efforts: Mapping[int, Effort]) -> dict[str, Any]:
    """Everything that is exactly known about the call; ``efforts`` by turn index, where known."""
    timeline = mixed.timeline
    turns = [
        {
            "index": placed.index,
            "speaker": placed.turn.speaker,
            "start": _s(placed.start_s),
            "end": _s(placed.end_s),
            "text": placed.turn.text,
            "raised": placed.turn.raised,
            "kind": placed.turn.kind,
            "level_dbfs": round(mixed.levels_dbfs[placed.index], 1),
            "words": [
                {"w": word.text, "start": _s(word.start_s), "end": _s(word.end_s)}
                for word in mixed.words[placed.index]
            ],
        }
        for placed in timeline.turns
    ]
    return {
        "id": script.call_id,
        "story": script.story,
        "audio": {
            "file": f"{script.call_id}.flac",
            "sample_rate": LINE_RATE_HZ,
            "duration": _s(timeline.duration_s),
            "codec": "G.711 mu-law round trip",
        },
        "channels": _channels(script),
        "channel_params": {role: asdict(line) for role, line in mixed.lines.items()},
        "voices": {role: dict(voice.blend) for role, voice in script.voices.items()},
        "meta": dict(script.metadata),
        "turns": turns,
        "interruptions": [
            {
                "by": event.by,
                "start": _s(event.start_s),
                "end": _s(event.end_s),
                "kind": event.kind,
                "overlap_s": _s(event.end_s - event.start_s),
                "turn": event.turn,
                "over_turn": event.over_turn,
                "took_floor": timeline.turns[event.turn].turn.kind == "interruption",
            }
            for event in timeline.interruptions
        ],
        "holds": [
            {
                "start": _s(placed.start_s),
                "end": _s(placed.end_s),
                "announced": placed.hold.announced,
                "reason_given": placed.hold.reason_given,
                "thanked": placed.hold.thanked,
                "music": placed.music_s
                and {
                    "channels": list(placed.hold.music_on),
                    "start": _s(placed.music_s[0]),
                    "end": _s(placed.music_s[1]),
                },
            }
            for placed in timeline.holds
        ],
        "dead_air": [{"start": _s(start), "end": _s(end)} for start, end in timeline.dead_air],
        "raised": [
            {
                "speaker": turn["speaker"],
                "start": turn["start"],
                "end": turn["end"],
                "turn": turn["index"],
                **(asdict(efforts[turn["index"]]) if turn["index"] in efforts else {}),
            }
            for turn in turns
            if turn["raised"]
        ],
        "rubric": {name: _answer(answer) for name, answer in script.rubric.items()},
        "conduct": {name: _answer(answer) for name, answer in script.conduct.items()},
        "flags": dict(script.flags),
    }


def _channels(script: CallScript) -> dict[str, str]:
    if script.recording.channels == 1:
        return {"mono": "agent + customer"}
    if script.recording.agent_channel == "right":
        return {"left": "customer", "right": "agent"}
    return {"left": "agent", "right": "customer"}


def _answer(answer: Answer) -> dict[str, Any]:
    return {**asdict(answer), "evidence_turns": list(answer.evidence_turns)}


def _s(time_s: float) -> float:
    return round(float(time_s), 3)
