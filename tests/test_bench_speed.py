"""The bench of speed: what it times is a call with exact truth, and what it prints is right."""

import pytest
import soundfile

from tests.bench.speed.processes import PathProcess, Timed
from tests.bench.speed.recordings import build_call, given_call
from tests.bench.speed.tables import compare, diarization_error


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    return build_call("short", 0.5, tmp_path_factory.mktemp("speed"))


def test_a_built_call_is_as_long_as_asked_and_its_truth_lies_in_it(call):
    assert call.duration_s == pytest.approx(30.0, abs=0.01)
    assert soundfile.info(call.stereo).channels == 2
    assert soundfile.info(call.mono).frames == soundfile.info(call.stereo).frames
    assert len(call.text().split()) == sum(len(call.text(r).split()) for r in ("agent", "customer"))
    assert max(end for _, _, end in call.spoken) <= call.duration_s


def test_a_call_that_is_given_brings_its_truth_along(call, tmp_path):
    call.stereo.with_suffix(".rttm").write_text(
        "".join(
            f"SPEAKER short 1 {start:.3f} {end - start:.3f} <NA> <NA> {who} <NA> <NA>\n"
            for who, start, end in call.spoken
        )
    )
    given = given_call(call.stereo, tmp_path)
    assert [who for who, _, _ in given.spoken] == [who for who, _, _ in call.spoken]
    assert diarization_error(call.spoken, given.spoken) == pytest.approx(0.0, abs=0.01)
    with pytest.raises(SystemExit, match="1 channels"):
        given_call(call.mono, tmp_path)


def test_ratios_are_medians_of_pairs_and_errors_stand_beside_them(call):
    def heard(*took_s):
        said = (call.text("agent"), call.text("customer").rsplit(" ", 1)[0])
        return [Timed(one, 2 * one, 500.0, said, ()) for one in took_s]

    table = compare(call, "stereo", {"whisper": heard(2.0, 4.0, 10.0), "callscore": heard(1, 1, 9)})
    words = len(call.text().split())
    assert f"| whisper | 4.00 s | 0.50 | 8.0 s | 500 MB | {1 / words:.3f} | – |" in table
    assert "| callscore | 1.00 s | 1.00 |" in table


@pytest.mark.timeout(300)
def test_a_path_runs_in_a_process_of_its_own_and_says_what_it_heard(call):
    process = PathProcess.of("callscore")
    heard = process.hear(call.stereo)
    process.end()
    assert len(heard.words) == 2
    assert heard.took_s > 0.1
    assert heard.peak_mb > 100
    table = compare(call, "stereo", {"callscore": [heard]})
    errors = float(table.splitlines()[-1].split("|")[6])
    assert errors < 0.2
