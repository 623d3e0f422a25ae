"""The way to an OpenID provider and back, and what the site said of it."""

import re

import httpx
from fastapi.testclient import TestClient
from pydantic import SecretStr

from pipeline.review import audit
from pipeline.settings import Settings
from pipeline.store import Store
from tests.review.oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider

HOME = "http://localhost"


def with_oidc(settings: Settings, provider: Provider, **changed: object) -> Settings:
    return settings.model_copy(
        update={
            "oidc_issuer": provider.url,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": SecretStr(CLIENT_SECRET),
            "oidc_name": "Example",
            **changed,
        }
    )


def go_there(client: TestClient, then: str = "/") -> str:
    """Goes to the provider, signs in there, and says where it sends the browser back to."""
    begun = client.get("/sign-in/oidc", params={"then": then}, follow_redirects=False)
    assert begun.status_code == 303, begun.text
    answer = httpx.get(begun.headers["location"])
    assert answer.status_code == 302
    return answer.headers["location"]


def go(client: TestClient, then: str = "/") -> httpx.Response:
    return client.get(go_there(client, then), follow_redirects=False)


def problem(answer: httpx.Response) -> str:
    found = re.search(r'role="alert">([^<]+)<', answer.text)
    assert found is not None, answer.text
    return found[1]


def last_note(store: Store) -> tuple[str, str, str]:
    entry = audit.read_log(store)[0]
    return entry.action, entry.person_name, entry.what
