"""The OpenAPI document against the project: whatever is sent, the answer is one that the document names."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from config.wsgi import application
from tests.consumers.builders import make_shop

EXAMPLES = 3
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]

generator = SchemaGenerator()  # type: ignore[no-untyped-call]
document = schemathesis.openapi.from_dict(generator.get_schema(request=None, public=True))  # type: ignore[no-untyped-call]
document.app = application


@pytest.fixture
def key(db: None) -> Iterator[str]:
    """Of a manager of an account; as with Django's own client, a request leaves the test's connection open."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield make_shop().manager_key
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@document.parametrize()
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_every_response_is_described_in_the_openapi_document(case: Any, key: str) -> None:
    case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Api-Key {key}"})
