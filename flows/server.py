"""A Prefect server for one machine, for those who run none."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

from prefect.settings import PREFECT_API_URL, temporary_settings

HOST, PORT = "127.0.0.1", 4200
START_TIMEOUT_S = 120.0


@contextmanager
def prefect_server() -> Iterator[str]:
    """The address of the server in use: the configured one, else one on this machine.

    A temporary server as Prefect starts it for single runs plans no schedules. One that runs here
    already is used; one that is started here ends with the block.
    """
    configured = PREFECT_API_URL.value()
    if configured:
        yield configured
        return
    address = f"http://{HOST}:{PORT}/api"
    own = None if _answers(address) else _start()
    try:
        if own is not None:
            _wait(own, address)
        with temporary_settings({PREFECT_API_URL: address}):
            yield address
    finally:
        if own is not None:
            own.terminate()
            own.wait()


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "prefect", "server", "start"]
    return subprocess.Popen([*command, "--host", HOST, "--port", str(PORT)])


def _wait(server: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _answers(address):
        if server.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the Prefect server on port {PORT} did not start; see above")
        time.sleep(0.5)


def _answers(address: str) -> bool:
    try:
        with urlopen(f"{address}/health", timeout=2) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False
