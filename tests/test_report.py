import io
import json
import stat

import pytest
from rich.console import Console

from pipeline.report import (
    agents_table,
    answers_table,
    calls_table,
    summarize_agents,
    write_report,
)
from pipeline.store import Judging, Outcome


def shown(table) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(table)
    return console.file.getvalue()


OUTCOMES = [
    Outcome("/c/1.wav", "scored", None, 1, "c1", "a1", 65.0, 80.0, 80.0, 1.0),
    Outcome("/c/2.wav", "scored", None, 2, "c2", "a1", 65.0, 40.0, 90.0, 0.5, "insult"),
    Outcome(
        "/c/2-copy.wav", "skipped", "scored already", 2, "c2", "a1", 65.0, 40.0, 90.0, 0.5, "insult"
    ),
    Outcome("/c/3.wav", "scored", None, 3, "c3", "a2", 5.0, None, None, 0.0),
    Outcome("/c/[bold]4.wav", "failed", "4.wav: empty"),
]


def test_agents_are_summed_up_over_calls_not_files():
    first, second = summarize_agents(OUTCOMES)
    assert (first.agent_id, first.calls, first.mean_score) == ("a1", 2, 60.0)
    assert (first.mean_coverage, first.failed_by_rule) == (0.75, 1)
    assert (second.calls, second.judged, second.mean_score) == (1, 0, None)


def test_tables_in_the_terminal():
    calls = shown(calls_table(OUTCOMES))
    assert "[bold]4.wav" in calls  # a name, not markup
    assert "1:05" in calls
    assert "scored already" in calls
    assert "failed by rule: Insult" in calls
    assert "60.0" in shown(agents_table(summarize_agents(OUTCOMES)))


@pytest.fixture
def batch(store, make_result) -> int:
    number = store.start_batch("test")
    named = make_result(agent_id="<script>alert(1)</script>")
    kept = store.keep_result(
        named, "ab" * 32, "/calls/a.wav", Judging("r", "0", "e"), call_id_given=True
    )
    store.keep_outcome(number, "/calls/a.wav", "scored", None, kept)
    store.keep_outcome(number, "/calls/b.wav", "failed", "b.wav: <empty>")
    store.keep_outcome(number, "/calls/c.wav", "skipped", "no recordings")
    return number


def test_the_page_has_everything_and_is_for_its_owner_only(batch, store, settings):
    path = write_report(batch, store, settings)
    page = path.read_text()
    assert path.parent == settings.data_dir.absolute() / "reports"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    for part in ("80.0", "Listen first", "Asked.", "cannot tell", "50%", "1 of 3 recordings"):
        assert part in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "b.wav: &lt;empty&gt;" in page
    assert "http" not in page  # nothing is loaded from anywhere


def test_answers_show_their_evidence():
    line = {
        "call_id": "c1",
        "criteria": [
            {
                "id": "empathize",
                "answer": "partial",
                "points": 7.5,
                "max_points": 15,
                "confidence": 0.42,
                "reason": "Half a statement.",
                "evidence": [{"role": "agent", "start_s": 75.2, "end_s": 76, "quote": "oh [no]"}],
                "would_have_helped": "A word for the lost day at 1:10.",
            }
        ],
    }
    table = shown(answers_table(json.loads(json.dumps(line))))
    for part in ("Empathize", "partly", "7.5 of 15", "42%", "1:15", "oh [no]", "lost day"):
        assert part in table


def test_calls_without_a_stored_result_count_one_by_one():
    """Transcripts are judged and shown, not stored."""
    calls = [Outcome("t.jsonl", "scored", None, None, name, "a1", score=50.0) for name in "ab"]
    assert [agent.calls for agent in summarize_agents(calls)] == [2]
