"""``callscore serve`` as people start it: a process of its own."""

import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pipeline.cli.common import STOPPED_BY_CTRL_C
from pipeline.errors import SettingsError
from pipeline.review.people import add_person
from pipeline.review.serve import is_loopback
from pipeline.review.serve import serve as run
from pipeline.settings import Settings
from pipeline.store import Store
from tests.postgres import find_free_port
from tests.review.conftest import PASSWORD, csrf

STARTS_WITHIN_S = 60
STOPS_WITHIN_S = 20
REFUSES_WITHIN_S = 60


@dataclass
class Served:
    """A running ``callscore serve`` and what it printed until it answered."""

    process: subprocess.Popen[str]
    printed: str
    url: str

    def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Its exit status and what it printed besides."""
        self.process.send_signal(how)
        printed, _ = self.process.communicate(timeout=STOPS_WITHIN_S)
        return self.process.returncode, printed


def start(settings: Settings, *options: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "serve", *options],
        # What runs the tests may ignore Ctrl-C, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parent.parent.parent),
            "CALLSCORE_DATA_DIR": str(settings.data_dir),
            **environment,
        },
    )


@pytest.fixture
def serve(settings: Settings) -> Iterator[Callable[..., Served]]:
    """Starts it and waits until it says where it is."""
    started = []

    def begin(*options: str, **environment: str) -> Served:
        process = start(settings, *options, **environment)
        started.append(process)
        assert process.stdout is not None
        printed = ""
        for line in process.stdout:
            printed += line
            found = re.match(r"callscore is at (\S+)", line)
            if found is not None:
                return Served(process, printed, found[1])
        raise AssertionError(printed)

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def answered(url: str, **options: object) -> httpx.Response:
    """The socket is open before anything is said, so one try will do."""
    return httpx.get(url, timeout=STARTS_WITHIN_S, **options)


def refused(
    settings: Settings,
    host: str = "127.0.0.1",
    port: int = 0,
    certificate: Path | None = None,
    key: Path | None = None,
) -> str:
    """What it says when it does not start; here in this process, which is quicker."""
    said: list[str] = []
    with pytest.raises(SettingsError) as raised:
        run(settings, host, port, certificate, key, said.append)
    assert said == []
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One for this machine that nobody else signed, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "site.pem", folder / "site.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, private


def test_the_first_start_prints_a_link_that_makes_an_administrator_once(serve, free_port, settings):
    served = serve("--port", str(free_port))
    address = f"http://localhost:{free_port}"
    assert served.url == address
    link = re.search(rf"^  {address}/welcome#(\S+)$", served.printed, re.MULTILINE)
    assert link is not None
    with httpx.Client(base_url=address, timeout=STARTS_WITHIN_S) as client:
        form = {"csrf": csrf(client.get("/welcome").text), "code": link[1]}
        form |= {"name": "ann", "password": PASSWORD}
        assert client.post("/welcome", data=form).headers["location"] == "/"
        assert client.get("/people").status_code == 200
    with httpx.Client(base_url=address, timeout=STARTS_WITHIN_S) as other:
        form |= {"csrf": csrf(other.get("/welcome").text), "name": "eve"}
        assert other.post("/welcome", data=form).status_code == 400
    assert served.stop(signal.SIGTERM) == (0, "")
    left = {path.name for path in settings.data_dir.iterdir()}
    assert left == {"callscore.db", "site-secret"}  # no journal: the database was closed

    again = serve("--port", str(free_port))
    assert "welcome" not in again.printed


def test_it_is_not_for_others_before_there_are_accounts(settings, certificate):
    site, key = map(str, certificate)
    process = start(settings, "--host", "0.0.0.0", "--certificate", site, "--key", key)
    printed, _ = process.communicate(timeout=REFUSES_WITHIN_S)
    assert process.returncode == 2, printed
    assert printed.startswith("callscore: --host: there are no accounts yet")
    assert printed.count("\n") == 1


def test_it_is_not_for_others_without_encryption(settings):
    with Store(settings.database_url) as store:
        add_person(store, "ann", "admin")
    assert "unencrypted" in refused(settings, "0.0.0.0")
    plain = settings.model_copy(update={"site_url": "http://calls.example.com"})
    assert "unencrypted" in refused(plain, "0.0.0.0")


def test_others_are_served_behind_a_proxy_under_its_name_only(serve, free_port, settings):
    with Store(settings.database_url) as store:
        add_person(store, "ann", "admin")
    proxy = {"CALLSCORE_SITE_URL": "https://calls.example.com"}
    served = serve("--host", "0.0.0.0", "--port", str(free_port), **proxy)
    assert served.url == "https://calls.example.com"
    here = f"http://127.0.0.1:{free_port}/sign-in"
    answer = answered(here, headers={"Host": "calls.example.com"})
    assert answer.status_code == 200
    assert "secure" in answer.headers["set-cookie"].lower()
    assert answered(here, headers={"Host": "evil.example"}).status_code == 400


def test_the_secret_is_the_owners_and_stays(serve, free_port, settings):
    served = serve("--port", str(free_port))
    file = settings.data_dir / "site-secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secret = file.read_text()
    assert len(secret) >= 32
    cookie = answered(f"{served.url}/sign-in").cookies["callscore"]
    assert served.stop(signal.SIGINT) == (STOPPED_BY_CTRL_C, "")
    served = serve("--port", str(free_port))
    assert file.read_text() == secret
    # The cookie is still known: no new one is given.
    assert not answered(f"{served.url}/sign-in", cookies={"callscore": cookie}).cookies


def test_two_servers_of_one_folder_know_each_others_cookies(settings):
    """Started at the same moment, so that both find no secret."""
    ports = (str(find_free_port()), str(find_free_port()))
    both = [start(settings, "--port", port) for port in ports]
    try:
        for port, process in zip(ports, both, strict=True):
            _wait_for(f"http://localhost:{port}/sign-in", process)
        given = answered(f"http://localhost:{ports[0]}/sign-in").cookies["callscore"]
        at_other = answered(f"http://localhost:{ports[1]}/sign-in", cookies={"callscore": given})
        assert not at_other.cookies
    finally:
        for process in both:
            process.kill()
            process.communicate()


def test_tls(serve, free_port, certificate):
    site, key = certificate
    options = ("--port", str(free_port), "--certificate", str(site), "--key", str(key))
    served = serve(*options)
    assert served.url == f"https://localhost:{free_port}"
    assert f"  {served.url}/welcome#" in served.printed
    trusts = ssl.create_default_context(cafile=site)
    cookie = answered(f"{served.url}/sign-in", verify=trusts).headers["set-cookie"]
    assert cookie.startswith("__Host-callscore=")
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= {
        part.strip().lower() for part in cookie.split(";")
    }
    with pytest.raises(httpx.TransportError):
        answered(f"http://localhost:{free_port}/sign-in")
    with pytest.raises(httpx.ConnectError):
        answered(f"{served.url}/sign-in")  # signed by nobody whom we know


def test_a_certificate_that_cannot_be_used(settings, certificate, tmp_path):
    site, key = certificate
    empty = tmp_path / "empty.pem"
    empty.touch()
    for pair in ((site, None), (key, site), (empty, None), (tmp_path, key)):
        assert "cannot be used" in refused(settings, "127.0.0.1", 0, *pair)
    assert "no --certificate" in refused(settings, key=key)


def test_a_port_that_is_taken(settings, free_port):
    with socket.create_server(("127.0.0.1", free_port)):
        said = refused(settings, port=free_port)
    assert f"port {free_port} (Address already in use); choose another" in said


def test_an_address_that_is_not_this_machines(settings, certificate):
    with Store(settings.database_url) as store:
        add_person(store, "ann", "admin")
    assert "nothing can listen on 192.0.2.1" in refused(settings, "192.0.2.1", 0, *certificate)


def test_which_addresses_are_this_machines():
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.3.2.1", "::1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.7", "example.com", "")))


def _wait_for(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        assert process.poll() is None, process.communicate()[0]
        try:
            httpx.get(url)
            return
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
