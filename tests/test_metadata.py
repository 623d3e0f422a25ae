import json
import os
from pathlib import Path

import pytest

from pipeline.errors import MetadataError
from pipeline.metadata import make_metadata, read_fields, started_at_utc
from pipeline.records import Metadata

SHA = "0123456789abcdef" * 4


@pytest.fixture
def recording(tmp_path) -> Path:
    path = tmp_path / "call.mono.wav"
    path.touch()
    return path


def test_sidecar(recording, settings):
    given = {
        "call_id": 17,
        "agent_id": " a1 ",
        "direction": "Inbound",
        "started_at": "2025-03-31T14:05:00+02:00",
        "agent_channel": "left",
        "language": "en-US",
        "queue": "",
        "team": None,
        "weather": {"rain": True},
    }
    recording.with_name("call.mono.json").write_text(json.dumps(given))
    fields = read_fields(recording, settings)
    assert make_metadata(fields, recording, SHA, settings) == Metadata(
        call_id="17",
        agent_id="a1",
        direction="inbound",
        started_at="2025-03-31T14:05:00+02:00",
        agent_channel="left",
        language="en",
    )


def test_manifest_before_pattern_and_after_sidecar(recording, settings):
    folder = recording.parent
    settings = settings.model_copy(update={"filename_pattern": r"^(?P<agent_id>\w+)\.mono"})
    assert read_fields(recording, settings) == {"agent_id": "call"}
    (folder / "manifest.csv").write_text("file,agent_id\nother.wav,a9\n")
    assert read_fields(recording, settings) == {"agent_id": "call"}
    (folder / "manifest.csv").write_text("file,agent_id\nother.wav,a9\n./call.mono.wav,a2\n")
    assert read_fields(recording, settings) == {"agent_id": "a2"}
    (folder / "call.mono.json").write_text('{"agent_id": "a1"}')
    assert read_fields(recording, settings) == {"agent_id": "a1"}


def test_manifest_as_spreadsheets_write_it(recording, settings):
    text = "\ufeffFile;Agent_ID;Team\r\ncall.mono.wav;a3;\r\n"
    (recording.parent / "manifest.csv").write_bytes(text.encode())
    assert read_fields(recording, settings) == {"agent_id": "a3"}


def test_without_any_metadata(recording, settings):
    assert read_fields(recording, settings) == {}
    made = make_metadata({}, recording, SHA, settings)
    assert made == Metadata(call_id="call.mono-01234567", agent_id="unknown")


def test_settings_fill_in_what_metadata_leaves_open(recording, settings):
    settings = settings.model_copy(update={"agent_channel": "right", "language": "de"})
    made = make_metadata({"agent_channel": "left"}, recording, SHA, settings)
    assert (made.agent_channel, made.language) == ("left", "de")


def test_names_that_are_not_utf8(tmp_path, settings):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    path.touch()
    made = make_metadata(read_fields(path, settings), path, SHA, settings)
    assert made.call_id == "caf\\xe9-01234567"
    made.call_id.encode()


@pytest.mark.parametrize(
    ("sidecar", "part"),
    [
        (b"{", "not valid JSON at line 1"),
        (b"[1]", "expected a JSON object"),
        (b'{"agent_id": "\xff"}', "not UTF-8"),
        (b'{"agent_id": ["a"]}', "agent_id must be text, found list"),
        (b'{"agent_id": "a\\u001bb"}', "control characters"),
        (b'{"agent_id": "\\ud800"}', "control characters"),
        (b'{"direction": "Jane Doe"}', "direction must be inbound or outbound"),
        (b'{"agent_channel": "up"}', "agent_channel must be left or right"),
        (b'{"started_at": "yesterday"}', "ISO 8601"),
        (b'{"started_at": "0001-01-01T00:00:00+14:00"}', "ISO 8601"),
        (b'{"language": "English please"}', "language must be a code"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_broken_sidecar_is_named(recording, settings, sidecar, part):
    recording.with_suffix(".json").write_bytes(sidecar)
    with pytest.raises(MetadataError) as raised:
        read_fields(recording, settings)
    assert "call.mono.json" in str(raised.value)
    assert part in str(raised.value)
    assert "Jane" not in str(raised.value)


@pytest.mark.parametrize(
    ("manifest", "part"),
    [
        ("name,agent_id\n", "no column 'file'"),
        ("", "no column 'file'"),
        ("file,agent_id\ncall.mono.wav,a\ncall.mono.wav,b\n", "lines 2 and 3"),
        ("file,direction\ncall.mono.wav,up\n", "line 2: direction"),
    ],
)
def test_a_broken_manifest_is_named(recording, settings, manifest, part):
    (recording.parent / "manifest.csv").write_text(manifest)
    with pytest.raises(MetadataError, match=r"manifest\.csv") as raised:
        read_fields(recording, settings)
    assert part in str(raised.value)


def test_moments_are_compared_in_utc():
    assert started_at_utc("2025-03-31T14:05:00+02:00") == started_at_utc("2025-03-31T12:05:00Z")
    assert started_at_utc("2025-03-31T12:05:00") == started_at_utc("2025-03-31T12:05:00Z")
