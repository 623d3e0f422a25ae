from pathlib import Path

import pytest

from pipeline.errors import SettingsError
from pipeline.records import KINDS
from pipeline.settings import load_settings


def test_order_of_sources(monkeypatch):
    Path("callscore.toml").write_text('device = "cpu"\nrubric = "mine.yaml"\ncpu_threads = 3\n')
    monkeypatch.setenv("CALLSCORE_RUBRIC", "theirs.yaml")
    settings = load_settings(cpu_threads=5, device=None)
    assert settings.device == "cpu"
    assert settings.rubric == "theirs.yaml"
    assert settings.cpu_threads == 5
    assert settings.compute_type == "auto"


def test_a_rubric_that_was_asked_for_judges_all_queues(monkeypatch):
    monkeypatch.setenv("CALLSCORE_QUEUE_RUBRICS", '{"returns": "returns.yaml"}')
    assert load_settings().queue_rubrics == {"returns": "returns.yaml"}
    assert load_settings(rubric="mine.yaml").queue_rubrics == {}


def test_config_variable_names_the_file(monkeypatch, tmp_path):
    other = tmp_path / "elsewhere.toml"
    other.write_text("parallel_calls = 7\n")
    monkeypatch.setenv("CALLSCORE_CONFIG", str(other))
    assert load_settings().parallel_calls == 7


def test_database_is_in_data_dir_unless_named(tmp_path):
    assert load_settings(data_dir=tmp_path).database_url == f"sqlite:///{tmp_path}/callscore.db"
    assert load_settings(db_url="postgresql://h/d").database_url == "postgresql://h/d"


@pytest.mark.parametrize(
    ("toml", "parts"),
    [
        ('device = "tpu"', ["callscore.toml, key device", "'tpu'", "cpu"]),
        ("max_duration_s = -1", ["key max_duration_s", "-1", "greater than 0"]),
        ('colour = "red"', ["key colour", "unknown setting", "agent_channel"]),
        ("device = ", ["callscore.toml", "not valid TOML"]),
        ('filename_pattern = "("', ["filename_pattern", "regular expression"]),
        ('filename_pattern = "(?P<name>x)"', ["unknown group 'name'", "agent_id"]),
        ('filename_pattern = "x"', ["no named group"]),
        ('language = "English"', ["key language", "'English'"]),
    ],
)
def test_a_mistake_is_one_line_with_source_and_key(toml, parts):
    Path("callscore.toml").write_text(toml)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    message = str(raised.value)
    assert "\n" not in message
    assert all(part in message for part in parts)


def test_a_mistake_names_the_environment_or_the_option(monkeypatch):
    with pytest.raises(SettingsError, match=r"^--agent-channel: found 'up'"):
        load_settings(agent_channel="up")
    monkeypatch.setenv("CALLSCORE_CPU_THREADS", "many")
    with pytest.raises(SettingsError, match=r"^environment variable CALLSCORE_CPU_THREADS"):
        load_settings()


def test_a_config_that_is_not_there(monkeypatch):
    monkeypatch.setenv("CALLSCORE_CONFIG", "gone.toml")
    with pytest.raises(SettingsError, match=r"gone\.toml"):
        load_settings()


def test_the_database_password_is_not_repeated():
    Path("callscore.toml").write_text('db_url = ["postgresql://u:secret@h/d"]')
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        ("card,cvv", ("card", "cvv")),
        ('["card", "cvv"]', ("card", "cvv")),
        ("[]", ()),
        (" name ", ("name",)),
        ("", KINDS),
    ],
)
def test_what_is_hidden_is_named_with_commas(monkeypatch, given, kinds):
    monkeypatch.setenv("CALLSCORE_REDACT", given)
    assert load_settings().redact == kinds


def test_what_cannot_be_hidden_is_named(monkeypatch):
    monkeypatch.setenv("CALLSCORE_REDACT", "card,shoes")
    with pytest.raises(SettingsError, match=r"CALLSCORE_REDACT: found 'shoes'; expected 'card'"):
        load_settings()


def test_an_age_that_no_call_reaches_is_refused(monkeypatch):
    monkeypatch.setenv("CALLSCORE_KEEP_AUDIO_DAYS", "999999999")
    with pytest.raises(SettingsError, match=r"; expected less than or equal to 36500$"):
        load_settings()


def test_a_setting_that_is_no_json_is_named(monkeypatch):
    monkeypatch.setenv("CALLSCORE_QUEUE_RUBRICS", "returns.yaml")
    with pytest.raises(SettingsError, match="queue_rubrics"):
        load_settings()
