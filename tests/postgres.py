"""A PostgreSQL server of the tests' own: the machine's (Debian's package, say), on a free port."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


def programs() -> Path | None:
    """The folder with initdb and pg_ctl, if they are installed."""
    on_path = shutil.which("initdb")
    if on_path is not None and shutil.which("pg_ctl") is not None:
        return Path(on_path).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


class PostgresServer:
    """One that can be stopped and started again, as an outage would."""

    def __init__(self, port: int) -> None:
        found = programs()
        assert found is not None
        self._programs = found
        self._databases = 0
        self._folder = Path(tempfile.mkdtemp(prefix="callscore-postgres-"))
        self.url = f"postgresql+psycopg://callscore@127.0.0.1:{port}/postgres"
        if os.geteuid() == 0:  # which it refuses to run as
            shutil.chown(self._folder, "nobody")
        self._run("initdb", "--username=callscore", "--auth=trust", "--no-sync")
        with open(self._folder / "postgresql.conf", "a") as settings:
            settings.write(
                f"port = {port}\nlisten_addresses = '127.0.0.1'\nfsync = off\n"
                f"unix_socket_directories = ''\nmax_connections = 200\n"
            )

    def new_database(self) -> str:
        """Address of an empty database."""
        self._databases += 1
        name = f"test{self._databases}"
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url.removesuffix("postgres") + name

    def start(self) -> None:
        self._run("pg_ctl", "start", "--wait", "--silent", f"--log={self._folder / 'log'}")

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "--mode=immediate", "--wait", "--silent")

    def remove(self) -> None:
        shutil.rmtree(self._folder)

    def _run(self, program: str, *options: str) -> None:
        command = [self._programs / program, f"--pgdata={self._folder}", *options]
        user = "nobody" if os.geteuid() == 0 else None
        subprocess.run(command, check=True, user=user, cwd=self._folder, stdout=subprocess.DEVNULL)


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A server that runs meanwhile."""
    server = PostgresServer(find_free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()
        server.remove()


def find_free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
