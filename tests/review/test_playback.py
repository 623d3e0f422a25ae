"""The sound of calls: as browsers get it, while it is there, for those who may hear it."""

import io
import os
import shutil
import threading
import time
import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from pipeline.audio import load, sha256_of
from pipeline.find import Found
from pipeline.paths import PLAYBACK
from pipeline.records import (
    CallResult,
    Hold,
    Interruption,
    Metadata,
    Sound,
    Talk,
    Turn,
    Word,
)
from pipeline.review import playback
from pipeline.review.people import accept, add_person, invite
from pipeline.review.waveform import POINTS, channel_roles
from pipeline.review_tables import AuditRow
from pipeline.settings import Settings
from pipeline.store import Store
from pipeline.tables import CallRow, OutcomeRow, ResultRow, utc_now
from tests.recordings import encode, sample, write_wav
from tests.review.conftest import JUDGING, PASSWORD

pytestmark = pytest.mark.usefixtures("people")

Client = Callable[..., TestClient]
Keep = Callable[..., int]
HEADER = 44  # bytes before the samples of a WAV file


@pytest.fixture(name="keep_recording")
def _keep_recording(store: Store, make_result: Callable[..., CallResult]) -> Keep:
    """Stores a call of the agent ag-1 with a recording, and gives its number."""

    def kept(path: Path, *, shown: str | None = None, **facts: object) -> int:
        result = make_result(path.stem, agent_id="ag-1", team="returns")
        result = replace(result, facts=replace(result.facts, **facts))
        number = store.keep_result(
            result, sha256_of(path), shown or str(path), JUDGING, call_id_given=True
        )
        store.keep_facts(result.facts, sha256_of(path), JUDGING.listening_key)
        with store.read() as session:
            return session.get_one(ResultRow, number).call

    return kept


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "call.wav", sample("poor_agent")[:, :80_000])


def samples_of(content: bytes) -> np.ndarray:
    """Shape (channels, n), of full scale 32767."""
    with wave.open(io.BytesIO(content)) as sound:
        assert (sound.getframerate(), sound.getsampwidth()) == (16_000, 2)
        pcm = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        return pcm.reshape(-1, sound.getnchannels()).T


def plays(store: Store) -> list[tuple[str, str, str | None]]:
    with store.read() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.action == "play"))
        return [(row.person_name, row.what, row.call_id) for row in rows]


@pytest.mark.parametrize("kind", ["ulaw", "mono", "gsm"])
def test_browsers_get_the_samples_that_were_scored(
    kind: str, tmp_path: Path, keep_recording: Keep, signed_in: Client
) -> None:
    audio = sample("poor_agent")[:, :80_000]
    if kind == "gsm":
        path = write_wav(tmp_path / "call.wav", audio[:1], "GSM610")
    elif kind == "ulaw":
        path = encode(tmp_path / "call.wav", audio, "pcm_mulaw")
    else:
        path = write_wav(tmp_path / "call.wav", audio[:1])
    number = keep_recording(path)
    answer = signed_in("agent").get(f"/calls/{number}/audio")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    scored = load(path, max_duration_s=60).samples
    heard = samples_of(answer.content)
    assert heard.shape == scored.shape
    assert np.abs(heard / 32767 - scored).max() < 1 / 32767


def test_any_part_can_be_asked_for(
    recording: Path, keep_recording: Keep, signed_in: Client
) -> None:
    client, number = signed_in("agent"), keep_recording(recording)
    whole = client.get(f"/api/calls/{number}/audio").content
    second = HEADER + 3 * 16_000 * 4
    for wanted, part in (
        (f"bytes={second}-{second + 99}", whole[second : second + 100]),
        (f"bytes={second}-", whole[second:]),
        ("bytes=-50", whole[-50:]),
    ):
        answer = client.get(f"/calls/{number}/audio", headers={"Range": wanted})
        assert answer.status_code == 206
        assert answer.content == part
        assert answer.headers["content-range"].endswith(f"/{len(whole)}")
    # After a jump a browser asks on for the same file, by its tag.
    on = {"Range": "bytes=44-99", "If-Range": answer.headers["etag"]}
    assert client.get(f"/calls/{number}/audio", headers=on).content == whole[44:100]
    beyond = client.get(f"/calls/{number}/audio", headers={"Range": f"bytes={len(whole)}-"})
    assert beyond.status_code == 416


def test_only_whose_call_it_is_hears_and_sees_it(
    recording: Path, keep_recording: Keep, signed_in: Client, store: Store
) -> None:
    number = keep_recording(recording)
    stranger = add_person(store, "stranger", "agent", agent_id="ag-2")
    accept(store, invite(store, stranger.id), PASSWORD)
    clients = {name: signed_in(name) for name in ("stranger", "supervisor", None)}
    for address in (f"/calls/{number}/audio", f"/calls/{number}/waveform"):
        for place in ("", "/api"):
            assert clients["stranger"].get(place + address).status_code == 404
            assert clients["supervisor"].get(place + address).status_code == 200
        assert clients[None].get("/api" + address).status_code == 401
        for nonsense in ("0", str(10**30), "x"):
            wrong = "/api" + address.replace(str(number), nonsense)
            assert clients["supervisor"].get(wrong).status_code == 422
    assert {name for name, *_ in plays(store)} == {"supervisor"}


def test_a_recording_that_moved_or_changed_is_not_played(
    recording: Path, tmp_path: Path, keep_recording: Keep, signed_in: Client
) -> None:
    client, number = signed_in("agent"), keep_recording(recording)
    aside = recording.rename(tmp_path / "aside")
    gone = client.get(f"/api/calls/{number}/audio")
    assert gone.status_code == 404
    assert "moved or deleted" in gone.json()["detail"]
    assert str(tmp_path) not in gone.text
    assert client.get(f"/calls/{number}").status_code == 200

    aside.rename(recording)
    assert client.get(f"/calls/{number}/audio").status_code == 200
    # What was decoded before is not given out for another recording, nor for one that is gone.
    shutil.copy(recording, aside)
    write_wav(recording, sample("good_agent")[:, :80_000])
    changed = client.get(f"/api/calls/{number}/waveform")
    assert changed.status_code == 404
    assert "something else" in changed.json()["detail"]
    recording.unlink()
    assert client.get(f"/calls/{number}/audio").status_code == 404
    assert not list((tmp_path / "data" / PLAYBACK).glob("*.wav"))
    aside.rename(recording)
    assert client.get(f"/calls/{number}/audio").status_code == 200


def test_it_is_read_from_where_the_last_batch_read_it(
    recording: Path, keep_recording: Keep, signed_in: Client, store: Store
) -> None:
    odd = Path(os.fsdecode(os.fsencode(recording.parent) + b"/r\xe9ponse.wav"))
    recording.rename(odd)
    found = Found(odd)
    number = keep_recording(odd, shown=found.name, metadata=_metadata("odd"))
    client = signed_in("agent")
    assert client.get(f"/calls/{number}/audio").status_code == 404
    outcome = OutcomeRow(
        batch=store.start_batch("test"),
        path=found.name,
        status="scored",
        reason=None,
        result=None,
        at=utc_now(),
        source=found.source,
        recording_sha256=sha256_of(odd),
    )
    with store.write() as session:
        session.add(outcome)
    assert client.get(f"/calls/{number}/audio").status_code == 200


def test_a_listening_is_noted_once(
    recording: Path,
    keep_recording: Keep,
    signed_in: Client,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = keep_recording(recording)
    agent = signed_in("agent")
    agent.get(f"/api/calls/{number}/waveform")
    assert plays(store) == []
    # Whoever leaves out the first bytes hears it all the same.
    for start in (44, 0, 90_000):
        agent.get(f"/calls/{number}/audio", headers={"Range": f"bytes={start}-"})
    agent_heard = ("agent", f"call {number}", "call")
    assert plays(store) == [agent_heard]
    signed_in("qa").get(f"/api/calls/{number}/audio")
    assert plays(store) == [agent_heard, ("qa", f"call {number}", "call")]
    monkeypatch.setattr(playback, "LISTENING", playback.LISTENING * 0)
    agent.get(f"/calls/{number}/audio")
    assert plays(store).count(agent_heard) == 2


def test_two_who_ask_at_once_share_one_decoding(
    recording: Path,
    keep_recording: Keep,
    store: Store,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = keep_recording(recording)
    with store.read() as session:
        call = session.get_one(CallRow, number)
    decoded, made = [], []

    def slowly(path: Path, *, max_duration_s: float) -> object:
        decoded.append(path)
        time.sleep(0.3)
        return load(path, max_duration_s=max_duration_s)

    monkeypatch.setattr("pipeline.as_scored.load", slowly)
    threads = [
        threading.Thread(target=lambda: made.append(playback.prepare(store, settings, call)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(decoded) == 1
    assert len({playable.path.read_bytes() for playable in made}) == 1
    assert len(made) == 4


def test_the_folder_is_its_owners_and_stays_small(
    tmp_path: Path,
    keep_recording: Keep,
    store: Store,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers = [
        keep_recording(write_wav(tmp_path / f"{at}.wav", sample("poor_agent")[:, at : at + 40_000]))
        for at in (0, 40_000, 80_000)
    ]
    with store.read() as session:
        calls = [session.get_one(CallRow, number) for number in numbers]
    size = HEADER + 80_000 * 4
    monkeypatch.setattr(playback, "ROOM", 2 * size)
    folder = settings.data_dir / PLAYBACK
    made = [playback.prepare(store, settings, call).path for call in calls[:2]]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    for path, age_s in zip(made, (90, 60), strict=True):
        os.utime(path.with_suffix(".json"), (time.time() - age_s,) * 2)
    (folder / "dead.part").touch()
    os.utime(folder / "dead.part", (0, 0))
    playback.prepare(store, settings, calls[0])  # asked for again: the other goes first
    made.append(playback.prepare(store, settings, calls[2]).path)
    assert [path.exists() for path in made] == [True, False, True]
    assert len(list(folder.iterdir())) == 4
    long_ago = time.time() - playback.KEPT_UNUSED_S - 1
    os.utime(made[0].with_suffix(".json"), (long_ago,) * 2)
    made[2].unlink()
    playback.prepare(store, settings, calls[2])
    assert [path.exists() for path in made] == [False, False, True]


def test_the_picture_says_whose_each_channel_is(
    recording: Path, tmp_path: Path, keep_recording: Keep, signed_in: Client
) -> None:
    turns = (
        Turn("customer", "Hello", 4.0, 9.9, (Word(4.0, 9.9, "Hello", 0.9),)),
        Turn("agent", "Lakeside", 1.0, 3.4, (Word(1.0, 3.4, "Lakeside", 0.9),)),
    )
    # What the metadata say of the channels is wrong here: the words are what counts.
    wrong = replace(_metadata("call"), agent_channel="left")
    number = keep_recording(recording, turns=turns, metadata=wrong)
    client = signed_in("agent")
    shown = client.get(f"/calls/{number}/waveform").json()
    assert [channel["role"] for channel in shown["channels"]] == ["customer", "agent"]
    assert shown == client.get(f"/api/calls/{number}/waveform").json()
    assert shown["duration_s"] == 10.0
    assert len(shown["channels"][0]["peaks"]) * shown["step_s"] == pytest.approx(10.0)
    loud = np.array(shown["channels"][1]["peaks"])
    assert loud[25:65].max() > 5 * loud[90:190].max()  # the agent speaks, then the customer

    mono = write_wav(tmp_path / "mono.wav", np.tile(sample("mono_call"), 4))
    number = keep_recording(mono, turns=turns, metadata=_metadata("mono"))
    shown = client.get(f"/calls/{number}/waveform").json()
    assert [channel["role"] for channel in shown["channels"]] == [None]
    assert POINTS / 2 < len(shown["channels"][0]["peaks"]) <= POINTS


def test_without_times_the_metadata_say_whose_a_channel_is() -> None:
    levels = np.full((2, 100), 9, np.uint8)
    turns = [{"role": "agent", "start_s": None, "end_s": None, "words": []}]
    assert channel_roles(levels, turns, "right") == ("customer", "agent")
    assert channel_roles(levels, turns, None) == ("unknown", "unknown")


def test_the_page_says_what_was_measured_and_what_could_not_be(
    recording: Path, keep_recording: Keep, signed_in: Client
) -> None:
    sound = Sound(
        interruptions=(
            Interruption("agent", 4.2, 5.1, "competitive", 4.1, 7.4, True, certain=False),
            Interruption("customer", 6.0, 6.3, "backchannel", 6.0, 2.0),
        ),
        holds=(
            Hold(20.0, 215.0, True, reason_given=False, thanked=True, music=True, promised_s=120.0),
        ),
        talk=Talk(60.0, 30.0, 2.0, 8.0, 150, None),
        effort_measurable=("agent",),
        border_accuracy_s=0.05,
    )
    number = keep_recording(recording, sound=sound)
    client = signed_in("agent")
    page = " ".join(client.get(f"/calls/{number}").text.split())
    assert 'data-at="4.1" data-until="5.1" data-mark="competitive" data-by="agent"' in page
    for said in (
        "interrupted the customer <b>1</b> time (somewhere from 0 to 1)",
        "who had spoken for 7.4 s; both spoke for 0.9 s, then the agent gave the floor back.",
        "Not certain: it may be none.",
        "announced, <b>no reason given</b>, thanked for waiting.",
        "It was said to take 2:00 min and took 3:15 min.",
        "not measured: no speech",
        "None found where a voice could be judged.",
    ):
        assert said in page, said
    assert client.get(f"/api/calls/{number}/waveform").json()["voices_not_judged"] == ["customer"]


def test_a_call_without_sound_or_times_has_its_page(keep: Keep, signed_in: Client) -> None:
    page = signed_in("agent").get(f"/calls/{keep()}").text
    assert "Nothing was measured from sound" in page
    assert '<span class="w">Hello</span>' in page


def _metadata(call_id: str) -> Metadata:
    return Metadata(call_id, agent_id="ag-1", team="returns")
