"""Makes the moments of a session: their words, and their sound cut from the recordings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.as_scored import NotAsScored, hidden_in_recording, load_as_scored
from pipeline.audio import Recording
from pipeline.coaching.calls import ScoredCall, results_of
from pipeline.coaching.clips import cut
from pipeline.coaching.excerpts import anonymous, excerpt_of
from pipeline.coaching.flagged import FlaggedCall
from pipeline.coaching.moments import Candidate, window_of
from pipeline.coaching.records import EXCERPT, Excerpt, MomentKind
from pipeline.coaching.windows import Window, window_round
from pipeline.coaching_tables import CoachingMomentRow
from pipeline.records import Span
from pipeline.settings import Settings
from pipeline.store import Store
from pipeline.tables import CallRow


@dataclass(frozen=True, slots=True)
class Chosen:
    """A moment that the session is to show."""

    kind: MomentKind
    criterion: str | None
    call: ScoredCall
    shown: Candidate | FlaggedCall
    colleague: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """A moment as it is to be kept, and the call and result that it was made of."""

    row: CoachingMomentRow
    call: ScoredCall
    result: dict[str, Any]


def cut_moments(store: Store, settings: Settings, chosen: Sequence[Chosen]) -> list[Cut]:
    """Makes the moments that were chosen; a place in ``chosen`` is that in the session.

    Left out are those of calls that were forgotten meanwhile, or whose words were deleted. Where
    there is no recording a moment says so and has words alone. Raises StorageError.
    """
    made: list[Cut] = []
    by_call: dict[int, list[int]] = {}
    for place, moment in enumerate(chosen):
        by_call.setdefault(moment.call.number, []).append(place)
    for number, places in by_call.items():  # each recording is decoded once
        call = chosen[places[0]].call
        with store.read() as session:
            row = session.get(CallRow, number)
            results = list(results_of(session, [call]))
            hidden = [
                hidden_in_recording(session, row.recording_sha256, result)
                for _, result in results
                if row is not None
            ]
        if row is None:  # forgotten meanwhile
            continue
        for (_, result), spans in zip(results, hidden, strict=True):
            sound = _Sound(store, settings, row)
            for place in places:
                found = _moment(chosen[place], place, row, result, sound, spans)
                if found is not None:
                    made.append(Cut(found, call, result))
    return made


def _moment(
    chosen: Chosen,
    place: int,
    row: CallRow,
    result: dict[str, Any],
    sound: "_Sound",
    hidden: tuple[Span, ...] | None,
) -> CoachingMomentRow | None:
    if not result["turns"]:
        return None  # its words are deleted: what is personal in the sound is not known any more
    names: tuple[Span, ...] = ()
    if chosen.colleague:
        result, names = anonymous(result, row.agent_name)
    window = _window(chosen.shown, result)
    if window is None:
        return None
    clip, silent = sound.cut(window.span, hidden, names)
    excerpt = _excerpt(chosen, result, window, silent)
    return CoachingMomentRow(
        session=0,
        call=row.id,
        place=place,
        kind=chosen.kind,
        criterion=chosen.criterion,
        colleague=chosen.colleague,
        start_s=window.span.start_s,
        end_s=window.span.end_s,
        excerpt_json=EXCERPT.dump_json(excerpt).decode(),
        clip=clip,
    )


def _window(shown: Candidate | FlaggedCall, result: dict[str, Any]) -> Window | None:
    if isinstance(shown, Candidate):
        return window_of(shown, result)
    found = (
        window_round(result["turns"], part, shown.evidence, with_reply=True)
        for part in shown.evidence
    )
    return next((window for window in found if window is not None), None)


def _excerpt(chosen: Chosen, result: dict[str, Any], window: Window, silent: str | None) -> Excerpt:
    call_id = None if chosen.colleague else chosen.call.call_id
    at = None if chosen.colleague else chosen.call.at
    shown = chosen.shown
    if isinstance(shown, FlaggedCall):
        return excerpt_of(result, window, silent, call_id=call_id, at=at, reason=shown.rule.title)
    criterion = next(c for c in result["criteria"] if c["id"] == shown.criterion)
    return excerpt_of(
        result,
        window,
        silent,
        call_id=call_id,
        at=at,
        reason=criterion["reason"],
        answer=shown.answer,
        would_have_helped=criterion.get("would_have_helped"),
        confirmed=shown.confirmed,
        confidence=shown.confidence,
    )


class _Sound:
    """The recording of a call, decoded when it is first asked for."""

    def __init__(self, store: Store, settings: Settings, call: CallRow) -> None:
        self._store, self._settings, self._call = store, settings, call
        self._recording: Recording | None = None
        self._problem: str | None = None

    def cut(
        self, span: Span, hidden: tuple[Span, ...] | None, names: tuple[Span, ...]
    ) -> tuple[bytes | None, str | None]:
        """The clip of a stretch; or None, and why there is none."""
        if hidden is None:
            return None, "when personal data is said in it is not known"
        if self._recording is None and self._problem is None:
            try:
                longest_s = self._settings.max_duration_s
                scored = load_as_scored(self._store, self._call, max_duration_s=longest_s)
                self._recording = scored.recording
            except NotAsScored as error:
                self._problem = f"the recording cannot be heard: {error}"
        if self._recording is None:
            return None, self._problem
        end_s = min(span.end_s, self._recording.duration_s)
        return cut(self._recording.samples, Span(span.start_s, end_s), (*hidden, *names)), None
