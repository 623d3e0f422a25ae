"""What the pipeline heard against the truth: precision, recall and F1 of each kind of event."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

START_TOLERANCE_S = 0.75
"""Overlaps match when they are by the same side and start this close to each other."""

MIN_IOU = 0.5
"""Holds and dead air match when this share of their common time is shared."""

PARTIES = ("agent", "customer")
Pair = tuple[float, float]


@dataclass
class Tally:
    """Counts (of events, or of seconds) behind precision and recall."""

    hit: float = 0.0
    true: float = 0.0
    said: float = 0.0

    def add(self, hit: float, true: float, said: float) -> None:
        self.hit, self.true, self.said = self.hit + hit, self.true + true, self.said + said

    @property
    def precision(self) -> float:
        return self.hit / self.said if self.said else 1.0

    @property
    def recall(self) -> float:
        return self.hit / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        return 2 * self.hit / (self.true + self.said) if self.true + self.said else 1.0


@dataclass
class Figures:
    """All figures of a set of calls."""

    competitive: Tally = field(default_factory=Tally)
    backchannel: Tally = field(default_factory=Tally)
    hold: Tally = field(default_factory=Tally)
    dead_air: Tally = field(default_factory=Tally)
    raised: Tally = field(default_factory=Tally)
    role: Tally = field(default_factory=Tally)
    others: Tally = field(default_factory=Tally)
    word_errors: Tally = field(default_factory=Tally)
    punished_backchannels: Tally = field(default_factory=Tally)
    hold_error_s: list[float] = field(default_factory=list)

    def add(self, truth: dict[str, Any], result: dict[str, Any], *, words_known: bool) -> None:
        """Counts one call. ``result`` is a call result as the command prints it."""
        said = result["interruptions"]
        for kind, tally in (("competitive", self.competitive), ("backchannel", self.backchannel)):
            true = [e for e in truth["interruptions"] if e["kind"] == kind]
            found = [e for e in said if e["kind"] == kind]
            tally.add(_matches(true, found, _same_start), len(true), len(found))
        true = [e for e in truth["interruptions"] if e["kind"] == "backchannel"]
        rivals = [e for e in said if e["kind"] == "competitive"]
        self.punished_backchannels.add(_matches(true, rivals, _same_start), len(true), 0)
        for key, tally in (("holds", self.hold), ("dead_air", self.dead_air)):
            tally.add(
                _matches(truth[key], result[key], _same_span), len(truth[key]), len(result[key])
            )
        if truth["holds"]:
            lengths = [
                sum(b - a for a, b in spans)
                for spans in (_true_spans(truth["holds"]), _said_spans(result["holds"]))
            ]
            self.hold_error_s.append(abs(lengths[0] - lengths[1]))
        for party in PARTIES:
            true_raised = _true_spans(e for e in truth["raised"] if e["speaker"] == party)
            said_raised = _said_spans(e for e in result["raised_voice"] if e["role"] == party)
            self.raised.add(
                _shared_s(true_raised, said_raised), _total_s(true_raised), _total_s(said_raised)
            )
        if words_known:
            self._add_words(truth["turns"], result["turns"])

    def _add_words(self, true: list[dict[str, Any]], said: list[dict[str, Any]]) -> None:
        """Who speaks when, and what they say."""
        for party in (*PARTIES, "other"):
            spoken = _true_spans(t for t in true if t["speaker"] == party)
            found = _said_spans(t for t in said if t["role"] == party)
            tally = self.others if party == "other" else self.role
            tally.add(_shared_s(spoken, found), _total_s(spoken), _total_s(found))
            if party != "other":
                reference = words_of(t["text"] for t in true if t["speaker"] == party)
                heard = words_of(t["text"] for t in said if t["role"] == party)
                self.word_errors.add(edits(reference, heard), len(reference), 0)


def _matches(true: Sequence[Any], found: Sequence[Any], same: Callable[[Any, Any], bool]) -> int:
    """One-to-one matches, in order of time."""
    left, hits = list(found), 0
    for event in true:
        match = next((candidate for candidate in left if same(event, candidate)), None)
        if match is not None:
            left.remove(match)
            hits += 1
    return hits


def _same_start(true: dict[str, Any], found: dict[str, Any]) -> bool:
    near = abs(true["start"] - found["start_s"]) <= START_TOLERANCE_S
    return bool(true["by"] == found["by"] and near)


def _same_span(true: dict[str, Any], found: dict[str, Any]) -> bool:
    first, last = max(true["start"], found["start_s"]), min(true["end"], found["end_s"])
    whole = max(true["end"], found["end_s"]) - min(true["start"], found["start_s"])
    return bool(last - first >= MIN_IOU * whole)


def _true_spans(events: Iterable[dict[str, Any]]) -> list[Pair]:
    return [(event["start"], event["end"]) for event in events]


def _said_spans(events: Iterable[dict[str, Any]]) -> list[Pair]:
    return [(event["start_s"], event["end_s"]) for event in events]


def _total_s(spans: Sequence[Pair]) -> float:
    return sum(end - start for start, end in spans)


def _shared_s(spans: Sequence[Pair], others: Sequence[Pair]) -> float:
    return sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in spans for b in others)


def words_of(texts: Iterable[str]) -> list[str]:
    return re.sub(r"[^\w' ]+", " ", " ".join(texts).lower()).split()


def edits(reference: Sequence[str], heard: Sequence[str]) -> int:
    """Word edit distance."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]
