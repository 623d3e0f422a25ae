"""The API against its own description, with whatever Schemathesis can think of."""

from collections.abc import Callable

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pipeline.review import corrections, saved_views
from pipeline.review.access import PERMISSIONS
from pipeline.review.app import create_app
from pipeline.review.people import Person, make_token
from pipeline.review.site import Site
from tests.review.conftest import People

EXAMPLES = 25  # of each operation and role: a minute together
CHECKS = [
    not_a_server_error,
    response_schema_conformance,
    content_type_conformance,
    status_code_conformance,
]


@pytest.mark.parametrize("role", ["admin", "agent"])
def test_answers_are_as_described(
    role: str, site: Site, people: People, keep: Callable[..., int]
) -> None:
    """As a program with every scope that the role has."""
    owner: Person = getattr(people, role)
    for name in ("c1", "c2"):
        number = keep(name)
        corrections.dispute(site.store, number, "solve", "met", "I did.", people.agent, 7)
    saved_views.save_view(site.store, owner, "mine", "team=returns")
    scopes = [scope for scope, roles in PERMISSIONS.items() if role in roles]
    _, key = make_token(site.store, owner, "test", scopes, 1)
    headers = {"Authorization": f"Bearer {key}"}
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", create_app(site), headers=headers)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 20
    wrong = []
    for operation in operations:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def answers_as_described(case: schemathesis.Case) -> None:
            answer = case.call(headers=headers)
            case.validate_response(answer, checks=CHECKS, headers=headers)

        try:
            answers_as_described()
        except FailureGroup as found:
            wrong += [f"{operation.label}: {failure}" for failure in found.exceptions]
    assert not wrong, "\n\n".join(wrong)
