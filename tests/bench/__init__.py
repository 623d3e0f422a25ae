"""The test bench: built calls in quantity, with exact truth, through the whole pipeline.

    python -m tests.bench --calls 40 --seed 1

`voices` and `lines.yaml` say who can say what, `clips` turns that into sound, `compose` draws a
call, `line` spoils it as telephones do, `figures` holds what the pipeline heard against the truth.
"""
