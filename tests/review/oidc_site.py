"""Fixtures of ``test_oidc*``: a provider, and browsers on a site that it signs people in to."""

from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from pipeline.review.app import create_app
from pipeline.review.people import add_person
from pipeline.review.site import Site
from pipeline.settings import Settings
from pipeline.store import Store
from tests.review import oidc_provider
from tests.review.conftest import SECRET, People
from tests.review.oidc_provider import Provider
from tests.review.oidc_visit import HOME, with_oidc


@pytest.fixture
def provider() -> Iterator[Provider]:
    with oidc_provider.provider() as made:
        yield made


@pytest.fixture
def named(store: Store) -> People:
    """They need no password here."""
    return People(
        add_person(store, "admin", "admin"),
        add_person(store, "qa", "qa"),
        add_person(store, "supervisor", "supervisor", ["returns"]),
        add_person(store, "agent", "agent", agent_id="ag-1"),
    )


@pytest.fixture
def visitor(
    store: Store, settings: Settings, named: People, provider: Provider
) -> Callable[..., TestClient]:
    """A browser of somebody's, on a site with the provider; with settings changed as given."""
    del named

    def open_site(**changed: object) -> TestClient:
        app = create_app(Site(store, with_oidc(settings, provider, **changed), SECRET))
        return TestClient(app, base_url=HOME, raise_server_exceptions=False)

    return open_site
