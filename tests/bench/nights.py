"""Do the nights hold? ``python -m tests.bench.nights kills|scale|outage``

Batches of built calls are scored by workers of the nightly flow, with a real Prefect server and a
listener that only takes its time:

kills   workers are killed (-9) at random moments and started again, on SQLite
scale   one worker, then two, on one PostgreSQL
outage  PostgreSQL and the Prefect server are away for a minute in mid-batch

Then: is every recording scored, and none twice?
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.request import urlopen

from prefect.settings import get_current_settings
from sqlalchemy import create_engine, text

from pipeline.store import Store
from tests.fakes import FakeListener, make_wav
from tests.postgres import postgres

PREFECT_PORT = 4260
ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Night:
    """A folder of recordings, and what workers need to score them."""

    folder: Path
    environment: dict[str, str]
    takes_s: float = 0.1

    @property
    def listener(self) -> FakeListener:
        return FakeListener(self.folder / "listener")

    @classmethod
    def of(
        cls,
        folder: Path,
        url: str,
        calls: int,
        takes_s: float = 0.1,
        server: "PrefectServer | None" = None,
    ) -> Self:
        """With so many recordings, none of them scored yet. Without a server: the current one."""
        for number in range(calls):
            path = make_wav(folder / "calls" / f"c{number:03}.wav", number + 1)
            os.utime(path, (1e9, 1e9))
        Store(url).close()
        own = {"CALLSCORE_DATA_DIR": str(folder / "data"), "CALLSCORE_DB_URL": url}
        current = get_current_settings().to_environment_variables(exclude_unset=True)
        environment = os.environ | current if server is None else server.environment
        return cls(folder, environment | own, takes_s)

    def worker(self) -> subprocess.Popen[bytes]:
        """A worker in a process group of its own."""
        command = [sys.executable, "-m", "tests.night_worker", self.folder / "listener"]
        return subprocess.Popen(
            [*command, str(self.takes_s), self.folder / "calls"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=open(self.folder / "worker.log", "ab"),
            start_new_session=True,
        )

    def counts(self) -> Counter[str]:
        """Outcomes of all batches by status, and ``batches``, ``results``, ``unfinished``."""
        engine = create_engine(self.environment["CALLSCORE_DB_URL"])
        with engine.connect() as connection:
            by_status = text("select status, count(*) from outcomes group by status")
            found = Counter(dict(connection.execute(by_status).tuples().all()))
            for name, query in (
                ("batches", "select count(*) from batches"),
                ("unfinished", "select count(*) from batches where finished_at is null"),
                ("results", "select count(*) from results"),
            ):
                found[name] = connection.scalar(text(query)) or 0
        engine.dispose()
        return found

    @property
    def log(self) -> str:
        """What the workers said."""
        return (self.folder / "worker.log").read_text()

    def took_s(self) -> float:
        """From the first claim to the last outcome, as far as outcomes tell."""
        engine = create_engine(self.environment["CALLSCORE_DB_URL"])
        with engine.connect() as connection:
            first, last = connection.execute(text("select min(at), max(at) from outcomes")).one()
        engine.dispose()
        return float((last - first).total_seconds()) + self.takes_s

    def tell(self) -> None:
        """Prints what there is to judge by."""
        heard = Counter(self.listener.heard)
        print(f"{dict(self.counts())}; listened {sum(heard.values())} times to {len(heard)}")


def kill(worker: subprocess.Popen[bytes]) -> None:
    """As a power cut would: the worker at once, its children with it or a moment later."""
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()


class PrefectServer:
    """A Prefect server in a process of its own, that can be stopped and started again."""

    def __init__(self, folder: Path, port: int) -> None:
        self._port = port
        self._environment = os.environ | {
            "PREFECT_HOME": str(folder / "prefect"),
            "DO_NOT_TRACK": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }

    @property
    def environment(self) -> dict[str, str]:
        """For a worker that uses it."""
        return self._environment | {"PREFECT_API_URL": f"http://127.0.0.1:{self._port}/api"}

    def start(self) -> None:
        command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(self._port)]
        self._process = subprocess.Popen(
            command,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(240):
            try:
                with urlopen(f"http://127.0.0.1:{self._port}/api/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.5)
        raise TimeoutError("the Prefect server did not start")

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def kills(server: PrefectServer, folder: Path, calls: int, times: int, seed: int) -> None:
    """Kills workers at random moments."""
    chance = random.Random(seed)
    night = Night.of(folder, f"sqlite:///{folder / 'callscore.db'}", calls, server=server)
    for number in range(1, times + 1):
        worker = night.worker()
        time.sleep(chance.uniform(2.0, 8.0))
        if worker.poll() is not None:
            print(f"ended before kill {number}")
            break
        kill(worker)
        print(f"kill {number}: {dict(night.counts())}", flush=True)
    began = time.monotonic()
    night.worker().wait()
    print(f"the last run took {time.monotonic() - began:.0f} s")
    night.tell()


def scale(server: PrefectServer, folder: Path, calls: int, takes_s: float) -> None:
    """One worker, then two, each scoring two calls at once."""
    rates = []
    for workers in (1, 2):
        with postgres() as database:
            own = folder / f"{workers}"
            night = Night.of(own, database.url, calls, takes_s, server)
            running = [night.worker() for _ in range(workers)]
            for worker in running:
                worker.wait()
            night.tell()
            took_s = night.took_s()
            rates.append(calls / took_s)
            each_s = took_s * 2 * workers / calls - takes_s
            print(
                f"{workers} worker(s): {calls} calls in {took_s:.1f} s, {rates[-1]:.2f} a second; "
                f"{1000 * each_s:.0f} ms a call beside the {takes_s} s of listening"
            )
    print(f"{rates[1] / rates[0]:.2f} times the throughput of one")


def outage(server: PrefectServer, folder: Path, calls: int, away_s: float) -> None:
    """Database, then Prefect server, then both are away in mid-batch."""
    with postgres() as database:
        night = Night.of(folder, database.url, calls, 0.5, server)
        worker = night.worker()
        for what in ((database,), (server,), (database, server)):
            time.sleep(15)
            print(f"before {[type(one).__name__ for one in what]} go: {dict(night.counts())}")
            for one in what:
                one.stop()
            time.sleep(away_s)
            for one in what:
                one.start()
        print(f"exit status {worker.wait()}")
        night.tell()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("kills", "scale", "outage"))
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--takes", type=float, default=0.5, help="seconds a call (scale)")
    parser.add_argument("--away", type=float, default=60.0, help="seconds of an outage")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = PrefectServer(folder, PREFECT_PORT)
        server.start()
        try:
            if arguments.what == "kills":
                kills(server, folder, arguments.calls, arguments.kills, arguments.seed)
            elif arguments.what == "scale":
                scale(server, folder, arguments.calls, arguments.takes)
            else:
                outage(server, folder, arguments.calls, arguments.away)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
