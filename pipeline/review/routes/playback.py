"""Hearing a call: its sound for the player of its page, and the picture of it."""

from collections.abc import Sequence

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse

from pipeline.as_scored import hidden_in_recording
from pipeline.records import Span
from pipeline.review import corrections, playback
from pipeline.review.access import Revealer, Viewer, find_call
from pipeline.review.pages import site_of
from pipeline.review.routes.api import Number
from pipeline.review.site import Site
from pipeline.review.waveform import Waveform, waveform
from pipeline.tables import CallRow

router = APIRouter()


class _Sound(FileResponse):
    media_type = "audio/wav"


@router.get("/calls/{number}/audio", response_class=_Sound, include_in_schema=False)
@router.get("/api/calls/{number}/audio", response_class=_Sound, responses={404: {}, 503: {}})
def hear_call(request: Request, person: Viewer, number: Number) -> FileResponse:
    """The recording as a WAV file (16 kHz, 16 bit), whole or the range of bytes that is asked for.

    A tone is over personal data. Noted in the audit log, once a listening.
    """
    site = site_of(request)
    with site.store.read() as session:
        reviewed = corrections.load_reviewed(session, number, person)
    playable = _playable(site, reviewed.call, _hidden(site, reviewed))
    playback.note_listening(site.store, person, reviewed.call)
    return _sound(playable)


@router.get("/calls/{number}/audio/revealed", response_class=_Sound, include_in_schema=False)
def hear_all(request: Request, person: Revealer, number: Number) -> FileResponse:
    """The same without tones, for those who may hear personal data."""
    site = site_of(request)
    with site.store.read() as session:
        call = find_call(session, number, person)
    playable = _playable(site, call)
    playback.note_listening(site.store, person, call, plain=True)
    return _sound(playable)


@router.get("/calls/{number}/waveform", include_in_schema=False)
@router.get("/api/calls/{number}/waveform", responses={404: {}, 503: {}})
def see_sound(request: Request, person: Viewer, number: Number) -> Waveform:
    """How loud each side is when."""
    site = site_of(request)
    with site.store.read() as session:
        reviewed = corrections.load_reviewed(session, number, person)
    playable = _playable(site, reviewed.call, _hidden(site, reviewed))
    return waveform(site.store, playable, reviewed.call, reviewed.standing, reviewed.result)


def _hidden(site: Site, reviewed: corrections.Reviewed) -> tuple[Span, ...]:
    with site.store.read() as session:
        sha256 = reviewed.call.recording_sha256
        hidden = hidden_in_recording(session, sha256, reviewed.result)
    if hidden is None:
        raise HTTPException(404, "When personal data is said in this call is not known.")
    return hidden


def _sound(playable: playback.Playable) -> FileResponse:
    # The same sound has the same tag, also after it was decoded anew.
    headers = {"ETag": f'"{playable.tag}"'}
    return FileResponse(playable.path, media_type="audio/wav", headers=headers)


def _playable(site: Site, call: CallRow, hidden: Sequence[Span] = ()) -> playback.Playable:
    try:
        return playback.prepare(site.store, site.settings, call, hidden)
    except playback.Unplayable as error:
        raise HTTPException(404, str(error)) from None
