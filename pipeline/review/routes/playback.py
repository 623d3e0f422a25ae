"""Hearing a call: its sound for the player of its page, and the picture of it."""

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse

from pipeline.review import corrections, playback
from pipeline.review.access import Viewer, find_call
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

    Noted in the audit log, once a listening.
    """
    site = site_of(request)
    with site.store.read() as session:
        call = find_call(session, number, person)
    playable = _playable(site, call)
    playback.note_listening(site.store, person, call)
    # The same sound has the same tag, also after it was decoded anew.
    headers = {"ETag": f'"{playable.sha256}"'}
    return FileResponse(playable.path, media_type="audio/wav", headers=headers)


@router.get("/calls/{number}/waveform", include_in_schema=False)
@router.get("/api/calls/{number}/waveform", responses={404: {}, 503: {}})
def see_sound(request: Request, person: Viewer, number: Number) -> Waveform:
    """How loud each side is when."""
    site = site_of(request)
    with site.store.read() as session:
        reviewed = corrections.load_reviewed(session, number, person)
    playable = _playable(site, reviewed.call)
    return waveform(site.store, playable, reviewed.call, reviewed.standing, reviewed.result)


def _playable(site: Site, call: CallRow) -> playback.Playable:
    try:
        return playback.prepare(site.store, site.settings, call)
    except playback.Unplayable as error:
        raise HTTPException(404, str(error)) from None
