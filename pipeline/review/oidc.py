"""Signing in by OpenID Connect: what the provider is asked, and whose account it vouches for.

Nothing is asked before somebody signs in that way, so the site starts and works without it.
"""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from authlib.oauth2.base import OAuth2Error  # type: ignore[import-untyped]
from authlib.oauth2.client import OAuth2Client  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import BadSignatureError, ClaimError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from pydantic import BaseModel, ValidationError
from sqlalchemy import select

from pipeline.errors import PermanentError, TransientError
from pipeline.review import audit
from pipeline.review.people import LONGEST_NAME, Person, find_person
from pipeline.review_tables import PersonRow
from pipeline.settings import Settings
from pipeline.store import Store

ANSWERS_WITHIN_S = 10.0
"""So long the provider is waited for, a request; people wait meanwhile."""
KNOWN_FOR_S = 3600.0
"""After so long its addresses and keys are read anew: providers change them about monthly."""
CLOCKS_DIFFER_BY_S = 60
"""So much its clock and ours may differ."""
FLOW_LASTS_S = 600.0
"""So long somebody may take to sign in there: with a second factor, or a password to look up."""
LONGEST_SUBJECT = 255  # characters; OpenID Connect Core 1.0, section 2
ALGORITHMS = tuple(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512))
"""Signatures that only the provider can make: "none" is not one, and for HS… our secret does."""


class ProviderAway(TransientError):
    """The provider does not answer, or not as an OpenID provider does."""


class Refused(PermanentError):
    """Nobody is signed in. The message is for that person; ``noted`` goes into the audit log."""

    def __init__(self, message: str, noted: str) -> None:
        super().__init__(message)
        self.noted = noted


@dataclass(frozen=True, slots=True)
class Flow:
    """A sign-in that was begun: what must come back, and what is sent after it. For the session."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    then: str
    begun_at: float
    """Seconds since 1970."""

    def fits(self, state: str) -> bool:
        """Whether what came back belongs to it, in time."""
        in_time = time.time() - self.begun_at < FLOW_LASTS_S
        return in_time and secrets.compare_digest(state.encode(), self.state.encode())


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom the provider signed in. ``subject`` stays theirs for ever: its issuer and its number."""

    subject: str
    claims: Mapping[str, Any]
    access_token: str


class _Discovered(BaseModel):
    """What a provider says of itself (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]


class Provider:
    """The OpenID provider of the settings; it may be used by several threads."""

    def __init__(self, settings: Settings) -> None:
        assert settings.oidc_issuer is not None
        self._issuer = settings.oidc_issuer.rstrip("/")
        self._client_id = settings.oidc_client_id
        secret = settings.oidc_client_secret
        self._secret = secret.get_secret_value() if secret is not None else None
        self._claim = settings.oidc_name_claim
        self._name = settings.oidc_name
        self._known: tuple[float, _Discovered, KeySet] | None = None

    def begin(self, redirect_uri: str, then: str) -> tuple[str, Flow]:
        """The address to send somebody to, and what to keep until they come back.

        Raises ProviderAway.
        """
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        with self._asked() as http:
            known, _ = self._know(http)
            url, state = self._client(http, redirect_uri).create_authorization_url(
                known.authorization_endpoint, nonce=nonce, code_verifier=verifier
            )
        return url, Flow(state, nonce, verifier, redirect_uri, then, time.time())

    def finish(self, flow: Flow, code: str) -> Vouched:
        """Whom the provider signed in, for the code that they came back with.

        Raises ProviderAway; Refused where it takes the code for none of its own, or its answer is
        not signed by it, not meant for us, not for this flow, or too old.
        """
        with self._asked() as http:
            known, keys = self._know(http)
            token = self._redeem(http, known, flow, code)
            try:
                signed = _read(token["id_token"], keys)
            except (BadSignatureError, InvalidKeyIdError):  # it may have new keys
                known, keys = self._know(http, anew=True)
                signed = _read(token["id_token"], keys)
            claims = self._check(signed, known, flow, token["access_token"])
        subject = claims["sub"]
        if not 0 < len(subject) <= LONGEST_SUBJECT:
            raise self._refusal("sub")
        return Vouched(f"{known.issuer} {subject}", claims, token["access_token"])

    def name_of(self, vouched: Vouched) -> str:
        """The name of the account that the provider vouches for.

        Raises ProviderAway; Refused where it gives none, or an e-mail address that is not verified.
        """
        claims = vouched.claims
        if self._claim not in claims:
            claims = self._ask_more(vouched)
        name = claims.get(self._claim)
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
            raise Refused(
                f"{self._name} did not say who you are ({self._claim}); ask an administrator.",
                f"no {self._claim}",
            )
        # Some providers say it with a word.
        if self._claim == "email" and claims.get("email_verified") not in (True, "true"):
            raise Refused(
                f"{self._name} has not verified your e-mail address; have it verified there first.",
                f"e-mail address not verified: {name}",
            )
        return name

    def _client(self, http: httpx.Client, redirect_uri: str) -> Any:
        # Nothing is asked for that is not used.
        scope = "openid email" if self._claim == "email" else "openid profile"
        return OAuth2Client(
            http,
            self._client_id,
            scope=scope,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )

    def _redeem(
        self, http: httpx.Client, known: _Discovered, flow: Flow, code: str
    ) -> dict[str, str]:
        auth: httpx.Auth = httpx.Auth()
        given: dict[str, str | None] = {}
        if self._secret is None:
            given = {"client_id": self._client_id}
        elif "client_secret_basic" in known.token_endpoint_auth_methods_supported:
            auth = httpx.BasicAuth(self._client_id or "", self._secret)
        else:
            given = {"client_id": self._client_id, "client_secret": self._secret}
        try:
            token = self._client(http, flow.redirect_uri).fetch_token(
                known.token_endpoint, code=code, code_verifier=flow.verifier, auth=auth, **given
            )
        except OAuth2Error as error:
            raise self._refusal(short(error.error)) from None
        except ValueError:  # nor is a description that breaks the rules readable to Authlib
            raise self._refusal("unreadable answer") from None
        for name in ("id_token", "access_token"):
            if not isinstance(token.get(name), str):
                raise self._refusal(f"no {name}")
        return {name: token[name] for name in ("id_token", "access_token")}

    def _check(
        self, signed: jwt.Token, known: _Discovered, flow: Flow, access_token: str
    ) -> dict[str, Any]:
        # Without these options, Authlib takes a token that is meant for another site.
        options = {
            "iss": {"essential": True, "value": known.issuer},
            "aud": {"essential": True, "value": self._client_id},
        }
        given = {"nonce": flow.nonce, "client_id": self._client_id, "access_token": access_token}
        claims = CodeIDToken(signed.claims, signed.header, options, given)
        claims.validate(leeway=CLOCKS_DIFFER_BY_S)
        return dict(claims)

    def _ask_more(self, vouched: Vouched) -> Mapping[str, Any]:
        """Some providers put names into no token, but tell them to who has one."""
        with self._asked() as http:
            known, _ = self._know(http)
            if known.userinfo_endpoint is None:
                return vouched.claims
            bearer = {"Authorization": f"Bearer {vouched.access_token}"}
            more = _ask(http, known.userinfo_endpoint, headers=bearer).json()
        if not isinstance(more, dict) or more.get("sub") != vouched.claims["sub"]:
            raise self._refusal("userinfo of somebody else")
        return more

    def _know(self, http: httpx.Client, *, anew: bool = False) -> tuple[_Discovered, KeySet]:
        """Its addresses and keys, read when they are first needed."""
        known, now = self._known, time.monotonic()
        if known is None or anew or now - known[0] > KNOWN_FOR_S:
            answer = _ask(http, f"{self._issuer}/.well-known/openid-configuration")
            found = _Discovered.model_validate_json(answer.content)
            if found.issuer.rstrip("/") != self._issuer:
                raise ProviderAway(
                    f"{self._name} calls itself {found.issuer}, and oidc_issuer is {self._issuer}; "
                    "tell an administrator."
                )
            keys = KeySet.import_key_set(_ask(http, found.jwks_uri).json())
            self._known = known = (now, found, keys)
        return known[1], known[2]

    @contextmanager
    def _asked(self) -> Iterator[httpx.Client]:
        """A connection to the provider; what goes wrong with it comes in our words."""
        try:
            with httpx.Client(timeout=ANSWERS_WITHIN_S) as http:
                yield http
        except JoseError as error:
            claim = f": {error.claim}" if isinstance(error, ClaimError) else ""
            raise self._refusal(f"{error.error}{claim}") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._away(type(error).__name__) from None
        except (ValidationError, ValueError, KeyError, TypeError) as error:
            raise self._away(f"no OpenID provider: {type(error).__name__}") from None

    def _away(self, why: str) -> ProviderAway:
        return ProviderAway(
            f"{self._name} does not answer as it should ({why}); try again later, or sign in with "
            "a password."
        )

    def _refusal(self, why: str) -> Refused:
        return Refused(
            f"What {self._name} answered does not hold ({why}), so you are not signed in; try "
            "again, and tell an administrator if it stays so.",
            why,
        )


def sign_in(store: Store, provider: Provider, vouched: Vouched) -> Person:
    """The account of somebody whom the provider signed in. None is ever made here.

    The first time it is the one of that name, if no other person of the provider has it; later it
    is the one with that subject, whatever names became: those can be given to somebody else.

    Raises
    ------
    Refused
        There is no such account, it is closed, or it belongs to another person of the provider.
    ProviderAway
        It had to be asked for the name, and did not answer.
    """
    with store.read() as session:
        of_subject = select(PersonRow.id).where(PersonRow.oidc_subject == vouched.subject)
        number = session.scalar(of_subject)
    bound = number is not None
    if number is None:
        number = _bind(store, provider.name_of(vouched), vouched.subject)
    person = find_person(store, number)
    if person is None or not person.active:
        raise Refused("Your account is closed; ask an administrator.", "closed account")
    if not bound:
        audit.note(store, person, "change", "bound the account to OpenID Connect")
    return person


def short(code: object) -> str:
    """What a provider calls an error, fit to be shown: no text of others gets on our pages."""
    fit = isinstance(code, str) and len(code) <= 40 and code.isascii()
    return str(code) if fit and str(code).replace("_", "").isalpha() else "unknown error"


def _bind(store: Store, name: str, subject: str) -> int:
    """Makes the account of that name theirs. Names are equal or not: letters that only look alike,
    or fall together in another case, would let one person in as another."""
    with store.write() as session:
        row = session.scalar(select(PersonRow).where(PersonRow.name == name).with_for_update())
        if row is None:
            raise Refused(
                f"There is no account for {name} here; ask an administrator to make one.",
                f"no account: {name}",
            )
        if not row.active:
            raise Refused("Your account is closed; ask an administrator.", f"closed: {name}")
        if row.oidc_subject not in (None, subject):
            raise Refused(
                f"The account {name} belongs to another person of that name there; if that is you, "
                "ask an administrator for a new invitation.",
                f"account of another subject: {name}",
            )
        row.oidc_subject = subject
        return row.id


def _ask(http: httpx.Client, url: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return http.get(url, headers=headers).raise_for_status()


def _read(id_token: str, keys: KeySet) -> jwt.Token:
    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    return jwt.decode(id_token, keys, registry=registry)
