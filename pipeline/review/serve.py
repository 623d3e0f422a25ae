"""``callscore serve``: the site on an address of this machine."""

import logging
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from pipeline.errors import SettingsError
from pipeline.review.app import create_app
from pipeline.review.people import anybody, invite
from pipeline.review.site import Site, read_secret
from pipeline.settings import Settings
from pipeline.store import Store

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1", "[::1]")


def serve(
    settings: Settings,
    host: str,
    port: int,
    certificate: Path | None,
    key: Path | None,
    say: Callable[[str], None],
) -> None:
    """Serves until stopped.

    Raises
    ------
    SettingsError
        Others than this machine could reach it though there are no accounts yet, or though nothing
        would encrypt what they read.
    """
    with Store(settings.database_url) as store:
        site = Site(store, settings, read_secret(settings))
        first_start = not anybody(store)
        scheme = "https" if certificate is not None else "http"
        address = (
            settings.site_url or f"{scheme}://{'localhost' if is_loopback(host) else host}:{port}"
        )
        if not is_loopback(host):
            _check_public(first_start, address)
        if first_start:
            say("There are no accounts yet. Open this link, once, to make yourself administrator:")
            say(f"  {address}/welcome#{invite(store, None)}")
        say(f"callscore is at {address} (Ctrl-C stops it)")
        names = (*LOOPBACK_NAMES, host) if settings.site_url is None else (_name_of(address),)
        hosts = ("*",) if host in ("0.0.0.0", "::") and settings.site_url is None else names
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        uvicorn.run(
            create_app(site, hosts, https=address.startswith("https")),
            host=host,
            port=port,
            ssl_certfile=certificate,
            ssl_keyfile=key,
            access_log=False,  # would hold what people search for; the audit log says who saw what
            server_header=False,
            log_level="warning",
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


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
