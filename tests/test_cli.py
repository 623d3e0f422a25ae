import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline import __version__
from pipeline.cli import app
from pipeline.errors import RecordingError

ROOT = Path(__file__).parent.parent
TRANSCRIPT = {
    "call_id": "t1",
    "turns": [
        {"role": "agent", "text": "Thank you for calling, how can I help you?"},
        {"role": "customer", "text": "My order is broken and I am really upset."},
        {"role": "agent", "text": "I am so sorry. When did it break? I will send a new one today."},
    ],
}


def run(*arguments: str | Path):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def calls(tmp_path, make_wav) -> Path:
    for content, name in enumerate(["b.wav", "a.wav", "sub/c.wav"]):
        make_wav(tmp_path / "calls" / name, content)
    return tmp_path / "calls"


def test_score_shows_tables_and_keeps_results(calls, listener):
    result = run("score", calls)
    assert result.exit_code == 0, result.output
    for part in ("Calls", "Agents", "unknown", "Results: sqlite:///", "Report:"):
        assert part in result.stdout
    assert Path("callscore-data/callscore.db").is_file()
    again = run("score", calls)
    assert again.exit_code == 0
    assert "scored already" in again.stdout
    assert len(listener.heard) == 3


def test_json_is_one_result_a_line_in_the_order_named_and_nothing_else(calls, listener):
    listener.fails("a.wav", RecordingError("a.wav: silent; check the recorder"))
    result = run("score", calls / "b.wav", calls / "a.wav", calls / "sub", "--json")
    assert result.exit_code == 1
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["call_id"][:2] for line in lines] == ["b-", "c-"]
    assert lines[0]["schema"] == 1
    assert "a.wav: silent" in result.stderr
    assert "1 of 3 failed" in result.stderr


@pytest.mark.usefixtures("listener")
def test_one_call_is_shown_with_its_answers(calls):
    shown = run("score", calls / "a.wav").stdout
    assert "Empathize" in shown
    assert "0:07" in shown  # where the evidence is


@pytest.mark.usefixtures("listener")
def test_results_of_a_stored_call_are_byte_for_byte_the_same(calls):
    first = run("score", calls / "a.wav", "--json").stdout
    assert run("score", calls / "a.wav", "--json", "--db", "sqlite:///other.db").stdout == first
    assert run("score", calls / "a.wav", "--json").stdout == first


@pytest.mark.usefixtures("listener")
def test_out_writes_a_file_a_call_and_spoils_none(calls, make_wav):
    make_wav(calls / "sub" / "a.wav", content=9)
    result = run("score", calls, "--out", "results")
    assert result.exit_code == 0
    names = sorted(path.name for path in Path("results").iterdir())
    assert names == ["a-2.json", "a.json", "b.json", "c.json"]
    assert json.loads(Path("results/a.json").read_text())["call_id"].startswith("a-")
    refused = run("score", calls, "--out", calls)
    assert refused.exit_code == 2
    assert "recordings lie there" in refused.stderr


def test_failures_are_listed_and_can_be_listed_again(calls, listener):
    listener.fails("b.wav", RecordingError("b.wav: silent; check the recorder"))
    result = run("score", calls, "gone.wav")
    assert result.exit_code == 1
    assert "2 of 4 failed" in result.stderr
    listed = run("outcomes")
    assert listed.exit_code == 0
    assert "failed" in listed.stdout
    assert "scored" in listed.stdout
    assert run("outcomes", "99").exit_code == 1
    lines = [json.loads(line) for line in run("outcomes", "--json").stdout.splitlines()]
    assert [(Path(o["path"]).name, o["status"], o["number"] > 0) for o in lines] == [
        ("a.wav", "scored", True), ("b.wav", "failed", True), ("c.wav", "scored", True),
        ("gone.wav", "failed", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        ("score",),
        ("score", "x.wav", "--rubric", "gone.yaml"),
        ("score", "x.wav", "--agent-channel", "up"),
        ("score", "x.wav", "--db", "nosuch://db"),
        ("score", "x.wav", "--out", "/proc/nowhere"),
        ("rubric", "check", "gone.yaml"),
        ("nonsense",),
    ],
)
@pytest.mark.usefixtures("listener")
def test_bad_arguments_are_status_2_and_one_line(arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_ctrl_c_keeps_what_is_done(calls, listener):
    listener.fails("b.wav", KeyboardInterrupt())
    result = run("score", calls)
    assert result.exit_code == 130
    assert "kept" in result.stderr
    assert "scored" in run("outcomes").stdout


@pytest.mark.usefixtures("listener")
def test_names_that_are_not_utf8_can_be_shown(calls):
    (calls / "a.wav").rename(os.fsdecode(os.fsencode(calls) + b"/caf\xe9.wav"))
    command = [sys.executable, "-m", "pipeline.cli", "score", os.fsencode(calls) + b"/gone\xe9.wav"]
    result = subprocess.run(command, capture_output=True, cwd=ROOT, env=_environment(calls))
    assert result.returncode == 1
    assert b"gone\\xe9.wav" in result.stdout
    assert run("score", calls).exit_code == 0


def test_transcripts_need_no_model_and_no_database(tmp_path):
    first, second = tmp_path / "one.json", tmp_path / "more.jsonl"
    first.write_text(json.dumps(TRANSCRIPT))
    second.write_text(json.dumps(TRANSCRIPT | {"call_id": "t2"}) + "\n{}\n")
    result = run("score", "--transcript", first, second, "gone.json", "--json")
    assert result.exit_code == 1
    assert [json.loads(line)["call_id"] for line in result.stdout.splitlines()] == ["t1", "t2"]
    assert "more.jsonl, line 2" in result.stderr
    assert "gone.json" in result.stderr
    shown = run("score", "--transcript", first, "--out", "results")
    assert shown.exit_code == 0
    assert "Apologize" in shown.stdout
    assert Path("results/t1.json").is_file()
    assert not Path("callscore-data").exists()


def test_the_shipped_rubric_has_no_mistakes():
    result = run("rubric", "check", "leap")
    assert result.exit_code == 0, result.output
    assert "no mistakes" in result.stdout


def test_version_and_help_answer_at_once(tmp_path):
    begin = time.perf_counter()
    command = [sys.executable, "-m", "pipeline.cli", "score", "--help"]
    shown = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=_environment(tmp_path)
    )
    assert time.perf_counter() - begin < 3  # under 1 s where the machine is idle
    assert shown.returncode == 0
    for option in ("--transcript", "--rubric", "--agent-channel", "--out", "--json", "--db"):
        assert option in shown.stdout
    assert "callscore score calls/" in shown.stdout
    assert run("--version").stdout == f"callscore {__version__}\n"


def _environment(data_dir: Path) -> dict[str, str]:
    return {**os.environ, "CALLSCORE_DATA_DIR": str(data_dir / "data")}
