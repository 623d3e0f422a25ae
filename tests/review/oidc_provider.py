"""An OpenID provider on a port of this machine: discovery, codes with PKCE, signed tokens.

It keeps to the rules, except for what a test has it do wrong.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT_ID = "callscore"
CLIENT_SECRET = "between the two of us"
TOKEN_LASTS_S = 300
STOPS_WITHIN_S = 0.05


def make_key() -> RSAKey:
    key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"})
    key.ensure_kid()
    return key


@dataclass
class Provider:
    """What it says of whom, and what it does wrong; tests change all of it as they like."""

    url: str
    user: dict[str, Any] = field(
        default_factory=lambda: {"sub": "248289", "email": "qa", "email_verified": True}
    )
    """The claims about whoever signs in."""
    asks: bool = False
    """Whether a page is shown first, as to people."""
    denies: str | None = None
    """The error to send people back with."""
    secret: str | None = CLIENT_SECRET
    only_in_userinfo: bool = False
    """No claim but the subject is in the token."""
    userinfo: dict[str, Any] = field(default_factory=dict)
    """What is different there."""
    discovery: dict[str, Any] = field(default_factory=dict)
    token: dict[str, Any] = field(default_factory=dict)
    """What is different in the ID token; None: left out."""
    token_answer: tuple[int, bytes] | None = None
    """What the token endpoint says instead."""
    broken: dict[str, int] = field(default_factory=dict)
    """Paths that answer with a status and nothing else."""
    key: RSAKey = field(default_factory=cache(make_key))
    signs_with: RSAKey | OctKey | None = None
    """Another key than it publishes."""
    algorithm: str = "RS256"
    asked: list[str] = field(default_factory=list)
    """Paths of the requests so far."""
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _tokens: set[str] = field(default_factory=set)

    def describe(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "id_token_signing_alg_values_supported": ["RS256", "none"],
        } | self.discovery

    def give_code(self, asked: dict[str, str]) -> str:
        """Where to send somebody back to who signed in."""
        back = {"state": asked["state"]}
        if self.denies is not None:
            back |= {"error": self.denies, "error_description": "<b>No.</b>"}
        else:
            back["code"] = secrets.token_urlsafe(16)
            self._codes[back["code"]] = asked
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def give_token(self, form: dict[str, str], client: str | None) -> tuple[int, dict[str, Any]]:
        known = f"{CLIENT_ID}:{self.secret}"
        given = client or f"{form.get('client_id')}:{form.get('client_secret')}"
        if given != known:
            return 401, {"error": "invalid_client"}
        asked = self._codes.pop(form["code"], None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            asked is None
            or form["redirect_uri"] != asked["redirect_uri"]
            or challenge != asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant", "error_description": "not “mine”"}
        access_token = secrets.token_urlsafe(16)
        self._tokens.add(access_token)
        signed = self._sign(asked["nonce"])
        answer = {"access_token": access_token, "token_type": "Bearer", "id_token": signed}
        return 200, answer

    def knows_token(self, access_token: str) -> bool:
        return access_token in self._tokens

    def _sign(self, nonce: str) -> str:
        now = int(time.time())
        about = {"sub": self.user["sub"]} if self.only_in_userinfo else self.user
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + TOKEN_LASTS_S,
            "nonce": nonce,
        }
        claims = claims | about | self.token
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid}
        key = self.signs_with or self.key
        return jwt.encode(header, claims, key, algorithms=[self.algorithm])


@contextmanager
def provider(host: str = "127.0.0.1") -> Iterator[Provider]:
    """One that answers meanwhile."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, asked = self._asked(urlsplit(self.path).query)
            if path in made.broken:
                self._answer(made.broken[path], b"")
            elif path == "/.well-known/openid-configuration":
                self._json(200, made.describe())
            elif path == "/keys":
                self._json(200, {"keys": [made.key.as_dict(private=False)]})
            elif path == "/authorize":
                self._authorize(asked)
            elif path == "/userinfo":
                scheme, _, token = self.headers["Authorization"].partition(" ")
                known = scheme == "Bearer" and made.knows_token(token)
                self._json(200 if known else 401, made.user | made.userinfo if known else {})
            else:
                self._answer(404, b"Nothing is here.", "text/plain")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            path, form = self._asked(body)
            if made.token_answer is not None:
                self._answer(*made.token_answer)
            else:
                assert path == "/token"
                scheme, _, given = self.headers.get("Authorization", "").partition(" ")
                basic = base64.b64decode(given).decode() if scheme == "Basic" else None
                self._json(*made.give_token(form, basic))

        def _asked(self, query: str) -> tuple[str, dict[str, str]]:
            path = urlsplit(self.path).path
            made.asked.append(path)
            return path, {name: values[0] for name, values in parse_qs(query).items()}

        def _authorize(self, asked: dict[str, str]) -> None:
            assert asked["client_id"] == CLIENT_ID
            assert asked["response_type"] == "code"
            assert asked["code_challenge_method"] == "S256"
            assert "openid" in asked["scope"].split()
            back = made.give_code(asked)
            if made.asks:
                page = f'<h1>Provider</h1><a href="{escape(back)}">Continue</a>'
                self._answer(200, page.encode(), "text/html")
            else:
                self.send_response(302)
                self.send_header("Location", back)
                self.end_headers()

        def _json(self, status: int, answer: dict[str, Any]) -> None:
            self._answer(status, json.dumps(answer).encode())

        def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    made = Provider(f"http://{host}:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(STOPS_WITHIN_S,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
