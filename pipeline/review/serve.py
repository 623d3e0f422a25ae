"""``callscore serve``: the site on an address of this machine."""

import logging
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from pipeline.errors import SettingsError
from pipeline.paths import PLAYBACK
from pipeline.review.app import create_app
from pipeline.review.people import anybody, invite
from pipeline.review.playback import make_room
from pipeline.review.site import Site, read_secret
from pipeline.settings import Settings
from pipeline.standing import take_in
from pipeline.store import Store

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1", "[::1]")
STOPS_WITHIN_S = 10
"""So long a page that somebody is waiting for is still worked on when the site is stopped."""


def serve(
    settings: Settings,
    host: str,
    port: int,
    certificate: Path | None,
    key: Path | None,
    say: Callable[[str], None],
) -> None:
    """Serves until stopped by SIGINT or SIGTERM; answers what was asked until then.

    Raises
    ------
    SettingsError
        Others than this machine could reach it though there are no accounts yet, or though nothing
        would encrypt what they read; the certificate or the port cannot be used.
    """
    _check_certificate(certificate, key)
    with Store.of(settings) as store:
        site = Site(store, settings, read_secret(settings))
        with store.write() as session:
            take_in(session.connection())  # an older version may have gone on after the upgrade
        make_room(settings.data_dir.absolute() / PLAYBACK)
        first_start = not anybody(store)
        scheme = "https" if certificate is not None else "http"
        name = "localhost" if is_loopback(host) else f"[{host}]" if ":" in host else host
        address = settings.site_url or f"{scheme}://{name}:{port}"
        if not is_loopback(host):
            _check_public(first_start, address)
        names = (*LOOPBACK_NAMES, host) if settings.site_url is None else (_name_of(address),)
        hosts = ("*",) if host in ("0.0.0.0", "::") and settings.site_url is None else names
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        config = uvicorn.Config(
            create_app(site, hosts, https=address.startswith("https")),
            ssl_certfile=certificate,
            ssl_keyfile=key,
            access_log=False,  # would hold what people search for; the audit log says who saw what
            server_header=False,
            log_level="warning",
            timeout_graceful_shutdown=STOPS_WITHIN_S,
        )
        with closing(_listen(host, port)) as listening:
            # uvicorn sends it to us again when it is done: that would end us before we tidy up.
            signal.signal(signal.SIGTERM, lambda *_: sys.exit())
            if first_start:
                say("There are no accounts yet. Open this link, once, to become administrator:")
                say(f"  {address}/welcome#{invite(store, None)}")
            say(f"callscore is at {address} (Ctrl-C stops it)")
            uvicorn.Server(config).run(sockets=[listening])


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _check_certificate(certificate: Path | None, key: Path | None) -> None:
    if certificate is None:
        if key is not None:
            raise SettingsError("--key: there is no --certificate that it belongs to; give both")
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except OSError as error:  # of which SSLError is one
        raise SettingsError(
            f"--certificate: {certificate} and its key cannot be used ({_said(error)}); give a "
            "certificate and the private key that belongs to it, both in PEM"
        ) from None


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(
            f"--host and --port: nothing can listen on {host}, port {port} ({_said(error)}); "
            "choose another"
        ) from None


def _said(error: OSError) -> str:
    """What the system said, without what Python adds in brackets."""
    return str(error.strerror).partition(" (")[0]


def _check_public(first_start: bool, address: str) -> None:
    if first_start:
        raise SettingsError(
            "--host: there are no accounts yet; start without it first, for this machine alone, "
            "open the link that it prints, then start again"
        )
    if not address.startswith("https://"):
        raise SettingsError(
            "--host: calls would go over the network unencrypted; give --certificate and --key, or "
            "set site_url to the https:// address of the proxy in front"
        )


def _name_of(address: str) -> str:
    return urlsplit(address).hostname or ""
