"""senko's diarizer, answering as :mod:`tests.bench.speed.worker` does; needs nothing of ours."""

import json
import os
import sys
import tempfile
import time

import librosa
import senko
import soundfile

RATE = 16_000  # all that senko takes


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    diarizer = senko.Diarizer(quiet=True)
    print(json.dumps({"took_s": 0.0}), file=answers, flush=True)
    for line in sys.stdin:
        samples, _ = librosa.load(line.strip(), sr=RATE)
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            soundfile.write(file.name, samples, RATE, subtype="PCM_16")
            wall, busy = time.perf_counter(), time.process_time()
            found = diarizer.diarize(file.name, generate_colors=False)
            took_s, busy_s = time.perf_counter() - wall, time.process_time() - busy
        spoken = [(s["speaker"], s["start"], s["end"]) for s in found["merged_segments"]]
        told = {"took_s": took_s, "busy_s": busy_s, "peak_mb": 0.0, "words": [], "spoken": spoken}
        print(json.dumps(told), file=answers, flush=True)


if __name__ == "__main__":
    main()
