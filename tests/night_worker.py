"""A worker of a nightly batch in a process of its own, with a listener that only takes its time.

``python -m tests.night_worker LISTENER_FOLDER SECONDS PATH...``; settings: the environment.
"""

import sys
from pathlib import Path

import flows.nightly
from tests.fakes import FakeListener

if __name__ == "__main__":
    folder, takes_s, *paths = sys.argv[1:]
    flows.nightly.listen = FakeListener(Path(folder), float(takes_s))
    state = flows.nightly.nightly(paths, return_state=True)
    print(state.type.value, state.message)
    sys.exit(0 if state.is_completed() else 1)
