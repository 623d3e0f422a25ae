"""Thirty-odd kinds of bad input, in one folder with one good call, through the real command line.

Each gets one clear line and a stored outcome; the good call is scored; nothing else is lost.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.settings import Settings
from pipeline.store import Store
from tests.recordings import RATE, SAMPLES, encode, raw_wav, sample, write_wav

# What is wrong -> what the line about it must say. These end as `failed`.
REFUSED = {
    "empty.wav": r"empty \(0 bytes\)",
    "text.wav": "not a readable audio file",
    "random.mp3": "not a readable audio file|no sound could be decoded|silent",
    "picture.wav": "not a readable audio file|holds no audio track",
    "video_only.mp4": "holds no audio track",
    "header_only.wav": "no sound could be decoded|not a readable audio file",
    "zero_data.wav": "no sound could be decoded",
    "zero_rate.wav": "not a readable audio file|header says 0 Hz",
    "low_rate.wav": "header says 100 Hz",
    "three_channels.wav": "3 channels, expected 1",
    "eight_channels.wav": "8 channels, expected 1",
    "silence.wav": "silent",
    "faint.wav": "silent",
    "constant.wav": "silent",
    "silent_u8.wav": "silent",
    "nan.wav": "not numbers",
    "infinite.wav": "not numbers",
    "too_long.wav": "longer than",
    "sidecar_broken.wav": "sidecar_broken.json",
    "sidecar_list.wav": "sidecar_list.json",
    "sidecar_channel.wav": "agent_channel",
    "sidecar_direction.wav": "direction",
    "sidecar_time.wav": "started_at",
    "sidecar_not_text.wav": "sidecar_not_text.json",
    "broken_link.wav": "broken link|no such file",
    "missing.wav": "no such file",
    "pipe.wav": "regular file",
    "folder.wav": "a folder, not a recording",
}
# What is odd -> a warning that its result must carry. These are scored (perhaps "cannot tell").
ODD = {
    "one_second.wav": "too_short",
    "music_only.wav": "too_short",
    "noise_only.wav": "too_short",
    "one_speaker_stereo.wav": "one_sided_recording",
    "one_speaker_mono.wav": "one_sided_recording",
    "copied_channels.wav": "mono_as_stereo",
    "overdriven.wav": "clipped",
    "leaking.wav": "channel_bleed",
    "breaks_off.wav": "truncated",
    "breaks_off.flac": "truncated",
}
SHORT = RATE * 12


def make_all(folder: Path) -> None:
    """Every kind of bad input, and one good call."""
    call = sample("good_agent")
    short = call[:, :SHORT]
    rng = np.random.default_rng(7)
    shutil.copy(SAMPLES / "good_agent.flac", folder / "good.flac")
    (folder / "good.json").write_text('{"agent_channel": "left", "agent_id": "ag-1"}')

    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("This is a letter, not a recording. " * 200)
    (folder / "random.mp3").write_bytes(rng.integers(0, 256, 20_000, dtype=np.uint8).tobytes())
    (folder / "picture.wav").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500))
    with av.open(str(folder / "video_only.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10, width=32, height=32, pix_fmt="yuv420p")
        black = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        container.mux([*stream.encode(black), *stream.encode(None)])
    (folder / "header_only.wav").write_bytes(
        raw_wav(folder / "zero_data.wav").read_bytes()[:20]
    )  # fmt: skip
    raw_wav(folder / "zero_rate.wav", rate=0, data=bytes(8000))
    raw_wav(folder / "low_rate.wav", rate=100, data=bytes(8000))
    write_wav(folder / "three_channels.wav", np.vstack([short, short[:1]]))
    write_wav(folder / "eight_channels.wav", np.vstack([short] * 4))
    raw_wav(folder / "silence.wav", data=bytes(2 * SHORT))
    write_wav(folder / "faint.wav", rng.normal(0, 2e-5, (1, SHORT)), "FLOAT")
    raw_wav(folder / "constant.wav", data=b"\x00\x10" * SHORT)
    encode(folder / "silent_u8.wav", np.zeros((1, SHORT)), "pcm_u8")
    broken = short[:1].copy()
    broken[0, 500:900] = np.nan
    write_wav(folder / "nan.wav", broken, "FLOAT")
    broken[0, 500:900] = np.inf
    write_wav(folder / "infinite.wav", broken, "FLOAT")
    write_wav(folder / "too_long.wav", np.tile(call, 4))

    sidecars = {
        "broken": '{"agent_id": ',
        "list": "[1, 2]",
        "channel": '{"agent_channel": "middle"}',
        "direction": '{"direction": "sideways"}',
        "time": '{"started_at": "yesterday"}',
    }
    for name, content in sidecars.items():
        write_wav(folder / f"sidecar_{name}.wav", short)
        (folder / f"sidecar_{name}.json").write_text(content)
    write_wav(folder / "sidecar_not_text.wav", short)
    (folder / "sidecar_not_text.json").write_bytes(b"\xff\xfe\x00\x01")
    (folder / "broken_link.wav").symlink_to(folder / "gone.wav")
    os.mkfifo(folder / "pipe.wav")
    (folder / "folder.wav").mkdir()

    line_noise = rng.normal(0, 3e-4, call.shape).astype(np.float32)
    write_wav(folder / "one_second.wav", call[:, 8000:16000])
    # The hold of the sample call, by its truth.
    hold = json.loads((SAMPLES / "truth" / "good_agent.json").read_text())["holds"][0]["music"]
    music = call[:1, int((hold["start"] + 0.1) * RATE) : int((hold["end"] - 0.1) * RATE)]
    write_wav(folder / "music_only.wav", np.tile(music, 2))
    write_wav(folder / "noise_only.wav", 30 * line_noise[:1])
    write_wav(folder / "one_speaker_stereo.wav", np.vstack([call[:1], line_noise[:1]]))
    write_wav(folder / "one_speaker_mono.wav", call[1:, : RATE * 25])
    write_wav(folder / "copied_channels.wav", np.vstack([short[:1], short[:1]]))
    write_wav(folder / "overdriven.wav", np.clip(short * 8, -1, 1) * 0.9)
    write_wav(folder / "leaking.wav", short + 0.08 * np.roll(short[::-1], 20, axis=1))
    for name, codec in (("breaks_off.wav", "pcm_s16le"), ("breaks_off.flac", "flac")):
        path = encode(folder / name, short, codec)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    (folder / os.fsdecode(b"caf\xe9.wav")).write_bytes(b"")


@dataclass(frozen=True)
class Run:
    code: int
    results: dict[str, dict]
    lines: list[str]
    stored: dict[str, tuple[str, str | None]]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("calls")
    data = tmp_path_factory.mktemp("data")
    make_all(folder)
    command = [sys.executable, "-m", "pipeline.cli", "score", "--json", "--out", data / "out"]
    done = subprocess.run(
        [*command, folder, folder / "missing.wav", folder / "folder.wav"],
        env=os.environ | {"CALLSCORE_DATA_DIR": str(data), "CALLSCORE_MAX_DURATION_S": "120"},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=600,
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    with Store(Settings(data_dir=data).database_url) as store:
        outcomes = store.outcomes(1)
    stored = {Path(o.path).name: (o.status, o.reason) for o in outcomes}
    by_name = {Path(o.path).name: o.call_id for o in outcomes if o.call_id}
    by_id = {result["call_id"]: result for result in results}
    found = {name: by_id[call_id] for name, call_id in by_name.items() if call_id in by_id}
    return Run(done.returncode, found, done.stderr.splitlines(), stored)


@pytest.mark.timeout(600)
def test_the_good_call_is_scored_and_some_failed(run):
    assert run.code == 1
    assert run.stored["good.flac"] == ("scored", None)
    assert run.results["good.flac"]["score"] > 50


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_one_clear_line(run, name):
    status, reason = run.stored[name]
    assert status == "failed"
    assert name.rsplit(".", 1)[0] in reason
    assert re.search(REFUSED[name], reason), reason
    assert "\n" not in reason
    assert "Traceback" not in reason
    assert "unexpected" not in reason
    assert any(reason in line for line in run.lines), "not said on the terminal"


@pytest.mark.parametrize("name", ODD)
def test_scored_with_a_warning(run, name):
    assert run.stored[name][0] == "scored", run.stored[name]
    assert ODD[name] in run.results[name]["warnings"]


@pytest.mark.parametrize("name", [n for n, w in ODD.items() if w == "too_short"])
def test_too_little_to_judge_is_cannot_tell(run, name):
    result = run.results[name]
    assert {c["answer"] for c in result["criteria"]} == {"cannot_tell"}
    assert result["score"] is None
    assert result["coverage"] == 0


def test_music_and_noise_make_no_words(run):
    assert run.results["music_only.wav"]["turns"] == []
    assert run.results["noise_only.wav"]["turns"] == []


def test_a_name_that_is_not_utf8_is_shown_and_stored(run):
    status, reason = run.stored["caf\\xe9.wav"]
    assert status == "failed"
    assert "empty" in reason


def test_every_input_has_an_outcome(run):
    assert set(run.stored) == {*REFUSED, *ODD, "good.flac", "caf\\xe9.wav"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file(tmp_path):
    path = write_wav(tmp_path / "a.wav", sample("good_agent")[:, :8000])
    path.chmod(0)
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "score", path],
        env=os.environ | {"CALLSCORE_DATA_DIR": str(tmp_path / "data")},
        cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Permission denied" in done.stderr


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("id: x\ncriteria: [", "rubric.yaml"),
        ("id: x\nversion: '1'\ntitle: t\nweights: 3\n", "line"),
        (None, "rubric.yaml"),
    ],
)
def test_a_wrong_rubric_stops_before_anything_is_scored(tmp_path, content, says):
    rubric = tmp_path / "rubric.yaml"
    if content is not None:
        rubric.write_text(content)
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "score", SAMPLES, "--rubric", rubric],
        env=os.environ | {"CALLSCORE_DATA_DIR": str(tmp_path / "data")},
        cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
