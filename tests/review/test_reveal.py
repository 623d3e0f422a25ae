"""Personal data on the site: hidden from everybody, shown to few, each look noted."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete, select

from pipeline.as_scored import hidden_in_recording
from pipeline.audio import load, sha256_of
from pipeline.beep import hidden_in
from pipeline.encryption import new_key, read_keys
from pipeline.privacy_tables import OriginalRow
from pipeline.records import CallResult, Redaction, Span, Turn, Word
from pipeline.redaction.facts import hide
from pipeline.result import facts_to_json
from pipeline.review_tables import AuditRow
from pipeline.store import Store
from pipeline.tables import FactsRow
from tests.recordings import sample, write_wav
from tests.review.conftest import JUDGING
from tests.review.test_playback import samples_of

pytestmark = pytest.mark.usefixtures("people")

Client = Callable[..., TestClient]
PHONE = "020 7946 0123"
SAID = f"Ring me on {PHONE}, please."
SPOKEN = (2.0, 3.5)
"""When the number is said, in seconds."""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "call.wav", sample("poor_agent")[:, :80_000])


@pytest.fixture
def number(recording: Path, store: Store, make_result: Callable[..., CallResult]) -> int:
    """A call in which a number is said, stored as a batch stores it with ``keep_originals``."""
    start_s, end_s = SPOKEN
    words = [
        *(
            Word(0.5 * at, 0.5 * at + 0.4, text, 0.9)
            for at, text in enumerate(["Ring", "me", "on"])
        ),
        *(
            Word(start_s + 0.5 * at, start_s + 0.5 * at + 0.5, text, 0.9)
            for at, text in enumerate(["020", "7946", "0123,"])
        ),
        Word(4.0, 4.4, "please.", 0.9),
    ]
    assert words[5].end_s == end_s
    result = make_result("c1", agent_id="ag-1", team="returns")
    turn = Turn("customer", SAID, 0.0, 4.4, tuple(words))
    hidden = hide(replace(result.facts, turns=(turn,)), ("phone",))
    assert hidden.words == (PHONE,)
    sha256 = sha256_of(recording)
    kept = replace(result, facts=hidden.facts)
    stored = store.keep_result(kept, sha256, str(recording), JUDGING, call_id_given=True)
    store.keep_facts(hidden.facts, sha256, JUDGING.listening_key)
    store.keep_originals(hidden.words, sha256, JUDGING.listening_key)
    assert stored
    return 1


def looks(store: Store) -> list[tuple[str, str, str]]:
    with store.read() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.what.contains("personal data")))
        return [(row.person_name, row.action, row.call_id or "") for row in rows]


@pytest.mark.parametrize("name", ["admin", "qa", "supervisor", "agent"])
def test_everybody_sees_and_hears_the_hidden_form(
    name: str, number: int, recording: Path, signed_in: Client, store: Store
) -> None:
    client = signed_in(name)
    page = client.get(f"/calls/{number}").text
    assert "[phone]" in page
    assert "1 × phone" in page
    assert "7946" not in page + client.get(f"/api/calls/{number}").text
    assert client.get("/calls", params={"q": "7946"}).text.count('href="/calls/1') == 0
    scored = load(recording, max_duration_s=60).samples
    for place in ("", "/api"):
        heard = samples_of(client.get(f"{place}/calls/{number}/audio").content) / 32767
        said = slice(round(SPOKEN[0] * 16_000), round(SPOKEN[1] * 16_000))
        tone = np.abs(np.fft.rfft(heard[0, said]))
        assert np.argmax(tone) / (SPOKEN[1] - SPOKEN[0]) == pytest.approx(1000, abs=2)
        assert np.abs(heard[:, :16_000] - scored[:, :16_000]).max() < 1 / 32767
    assert looks(store) == []


@pytest.mark.parametrize("name", ["admin", "qa"])
def test_who_may_look_sees_and_hears_all_and_it_is_noted(
    name: str, number: int, recording: Path, signed_in: Client, store: Store
) -> None:
    client = signed_in(name)
    assert f"/calls/{number}/revealed" in client.get(f"/calls/{number}").text
    page = client.get(f"/calls/{number}/revealed").text
    for part in PHONE.split():
        assert part in page
    assert f"/calls/{number}/audio/revealed" in page
    heard = samples_of(client.get(f"/calls/{number}/audio/revealed").content) / 32767
    assert np.abs(heard - load(recording, max_duration_s=60).samples).max() < 1 / 32767
    assert looks(store) == [(name, "view", "c1"), (name, "play", "c1")]


@pytest.mark.parametrize("name", ["supervisor", "agent"])
def test_nobody_else_may_look(name: str, number: int, signed_in: Client, store: Store) -> None:
    client = signed_in(name)
    assert "/revealed" not in client.get(f"/calls/{number}").text
    for address in (f"/calls/{number}/revealed", f"/calls/{number}/audio/revealed"):
        assert client.get(address).status_code == 403
    assert looks(store) == []


def test_words_that_were_not_kept_cannot_be_shown(
    number: int, signed_in: Client, store: Store
) -> None:
    with store.write() as session:
        session.execute(delete(OriginalRow))
    page = signed_in("qa").get(f"/calls/{number}/revealed").text
    assert "[phone]" in page
    assert "were not kept" in page


def test_sound_that_was_kept_before_more_was_hidden_is_not_given_out(
    number: int, signed_in: Client
) -> None:
    admin, agent = signed_in("admin"), signed_in("agent")
    plain = admin.get(f"/calls/{number}/audio/revealed")
    beeped = agent.get(f"/calls/{number}/audio")
    assert plain.headers["etag"] != beeped.headers["etag"]
    assert plain.content != beeped.content


def test_what_another_listening_hid_is_hidden_too(
    number: int, recording: Path, signed_in: Client, store: Store
) -> None:
    """The same recording was scored for another call, with more hidden."""
    sha256 = sha256_of(recording)
    facts = store.find_facts(sha256, JUDGING.listening_key)
    assert facts is not None
    more = replace(facts.redactions[0], kind="name", start_s=0.0, end_s=0.4)
    store.keep_facts(replace(facts, redactions=(*facts.redactions, more)), sha256, "engine-2")
    heard = samples_of(signed_in("agent").get(f"/calls/{number}/audio").content) / 32767
    tone = np.abs(np.fft.rfft(heard[0, : round(0.4 * 16_000)]))
    assert np.argmax(tone) / 0.4 == pytest.approx(1000, abs=3)


@pytest.mark.parametrize("key", [None, new_key()])
def test_a_listening_is_parsed_once_and_again_when_it_changed(
    database_url: str, make_result: Callable[..., CallResult], monkeypatch, key: str | None
) -> None:
    """At every jump of a player it is asked what is hidden."""
    parsed: list[object] = []

    def spied(result: dict[str, object]) -> tuple[Span, ...] | None:
        parsed.append(result)
        return hidden_in(result)

    monkeypatch.setattr("pipeline.as_scored.hidden_in", spied)
    monkeypatch.setattr("pipeline.as_scored._hidden_by_content", {})
    facts = make_result("c1").facts
    with Store(database_url, keys=read_keys(key, None)) as store:
        store.keep_facts(facts, "ab" * 32, "engine")
        for number, end_s in enumerate((1.0, 2.0), start=1):
            hidden = Redaction("phone", turn=0, offset=0, start_s=0.5, end_s=end_s)
            with store.write() as session:  # as callscore redact does: the same row and key
                row = session.scalars(select(FactsRow)).one()
                row.facts_json = facts_to_json(replace(facts, redactions=(hidden,)))
            for _ in range(3):
                with store.read() as session:
                    spans = hidden_in_recording(session, "ab" * 32, {})
                assert spans == (Span(0.5, end_s),)
            assert sum(result != {} for result in parsed) == number
