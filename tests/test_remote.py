"""Recordings on S3-compatible storage: a real client, a local server that speaks the protocol."""

import json
from collections.abc import Iterator

import boto3
import httpx
import pytest
import s3fs
from moto.server import ThreadedMotoServer

from pipeline.batch import Batch, score_one
from pipeline.errors import RecordingError, TransientError
from pipeline.find import Found, find_recordings
from pipeline.remote import fetched
from pipeline.rubric import load_rubrics
from pipeline.triage import triage
from tests.fakes import NoEngines


@pytest.fixture
def bucket(free_port, monkeypatch) -> Iterator:
    server = ThreadedMotoServer("127.0.0.1", free_port, verbose=False)
    server.start()
    endpoint = f"http://127.0.0.1:{free_port}"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    s3fs.S3FileSystem.clear_instance_cache()
    made = boto3.resource("s3", endpoint_url=endpoint).create_bucket(Bucket="calls")
    yield made
    httpx.post(f"{endpoint}/moto-api/reset")
    server.stop()


@pytest.fixture
def put(bucket, make_wav, tmp_path):
    """Puts a recording there, and what is known of it."""

    def put_one(key: str, content: int = 0, **sidecar: str) -> None:
        bucket.upload_file(make_wav(tmp_path / "local.wav", content), key)
        if sidecar:
            body = json.dumps(sidecar).encode()
            bucket.put_object(Key=key.replace(".wav", ".json"), Body=body)

    return put_one


@pytest.fixture
def batch(settings, store, listener) -> Batch:
    number = store.start_batch("test")
    return Batch(number, settings, load_rubrics("leap", {}), NoEngines(), store, listener)


def addresses(*named: str) -> list[str | None]:
    return [found.address for found in find_recordings(named)]


def test_folders_patterns_and_files_are_found(put, bucket):
    for key in ("monday/a.wav", "monday/deep/b.wav", "monday/.c.wav", "tuesday/d.wav"):
        put(key)
    bucket.put_object(Key="monday/notes.txt", Body=b"x")
    assert addresses("s3://calls/monday") == [
        "s3://calls/monday/a.wav", "s3://calls/monday/deep/b.wav",
    ]  # fmt: skip
    assert addresses("s3://calls/*/*.wav", "s3://calls/tuesday/d.wav") == [
        "s3://calls/monday/a.wav", "s3://calls/tuesday/d.wav",
    ]  # fmt: skip
    (none,) = find_recordings(["s3://calls/sunday"])
    assert none.status == "skipped"
    (gone,) = find_recordings(["s3://no-such-bucket/calls"])
    assert gone.problem is not None


def test_a_call_is_scored_once_with_what_lies_beside_it(put, batch, listener, monkeypatch):
    put("monday/a.wav", 1, call_id="C-17", agent_id="a1")
    (found,) = find_recordings(["s3://calls/monday"])
    assert triage(found, batch, lambda _path: 1.0).status is None
    outcome = score_one(Found.at(found.source), batch)
    assert (outcome.status, outcome.call_id, outcome.agent_id) == ("scored", "C-17", "a1")
    assert outcome.path == "s3://calls/monday/a.wav"
    assert listener.heard == ["a.wav"]

    def no_audio(*_given):
        raise AssertionError("fetched again")

    monkeypatch.setattr("pipeline.audio.sha256_of", no_audio)
    again = triage(found, batch, lambda _path: 1.0)
    assert (again.status, again.result_id) == ("skipped", outcome.result_id)


def test_a_copy_is_gone_afterwards(put):
    put("a.wav")
    with fetched("s3://calls/a.wav") as here:
        assert here.is_file()
    assert not here.parent.exists()


@pytest.mark.usefixtures("bucket")
def test_what_is_not_there_and_storage_that_is_away(batch, monkeypatch):
    with pytest.raises(RecordingError, match="not there"), fetched("s3://calls/gone.wav"):
        pass
    outcome = score_one(Found.at("s3://calls/gone.wav"), batch)
    assert (outcome.status, outcome.reason) == (
        "failed", "s3://calls/gone.wav: not there; correct the address",
    )  # fmt: skip
    (unknown,) = find_recordings(["nosuch://calls"])
    assert "nosuch" in str(unknown.problem)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(TransientError, match="storage does not answer"):
        score_one(Found.at("s3://calls/a.wav"), batch)
