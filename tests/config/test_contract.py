"""The OpenAPI document against the project: whatever is sent, the answer is one that the document names."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from config.wsgi import application
from tests.consumers.builders import make_shop
from tests.contract import document

EXAMPLES = 3

SAMPLED = 8
"""Of the bounds of a body that another call has with the same fields, one in so many is sent."""

CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]

schema = schemathesis.openapi.from_dict(document())
schema.app = application


@pytest.fixture
def key(db: None) -> Iterator[str]:
    """Of a manager of an account; as with Django's own client, a request leaves the test's connection open."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield make_shop().manager_key
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def called_with_each_case(operation: Any, call: Callable[[Any], None]) -> Callable[[], None]:
    """Return a test that calls an operation with its examples, every bound of every field, and random values.

    The cases of all operations take long to work out: each process does it for the tests that it runs, and not, as
    ``schema.parametrize()``, for all while it collects them.
    """
    config = HypothesisTestConfig(
        project=schema.config,
        modes=list(HypothesisTestMode),
        settings=schema.config.get_hypothesis_settings(operation=operation, phase="fuzzing"),
        explicit_settings=settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck)),
    )
    test: Any = create_test(operation=operation, test_func=call, config=config)
    if has_fields_of_put(operation):
        # Nearly two thousand bounds of a promotion's fields, which the same serializer reads for all three calls.
        test.hypothesis_explicit_examples = test.hypothesis_explicit_examples[::SAMPLED]
    return cast("Callable[[], None]", test)


def has_fields_of_put(operation: Any) -> bool:
    """Return whether a call takes the fields that the PUT of one row takes: a PATCH, or many rows at once."""
    methods = document()["paths"].get(operation.path.removesuffix("/bulk"), {})
    is_bulk = operation.path.endswith("/bulk") and "get" in methods
    return (operation.method == "patch" and "put" in methods) or is_bulk


@pytest.mark.parametrize(
    ("method", "path"), [(method, path) for path, methods in document()["paths"].items() for method in methods]
)
def test_every_response_is_described_in_the_openapi_document(method: str, path: str, key: str) -> None:
    def call(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Api-Key {key}"})

    called_with_each_case(schema[path][method], call)()
