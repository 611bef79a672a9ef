"""How refusals become answers."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from consumers.exceptions import Problem, Refused


class Locked(Refused):
    code = "selection_locked"


def answer_to(error: Exception) -> Response:
    class Raises(APIView):
        permission_classes = ()

        def get(self, request: Request) -> Response:
            raise error

    return Raises.as_view()(APIRequestFactory().get("/"))


def test_a_refusal_is_a_400_that_names_code_and_path() -> None:
    answer = answer_to(Refused("No such product.", attr="lines.0.sku"))
    assert answer.status_code == 400
    assert answer.data == {
        "type": "validation_error",
        "errors": [{"code": "invalid", "detail": "No such product.", "attr": "lines.0.sku"}],
    }


def test_every_problem_of_a_refusal_is_reported() -> None:
    problems = [
        Problem(code="required", detail="Name it.", attr="name"),
        Problem(code="unknown", detail="No such group.", attr="eligibility.control_group.group"),
        Problem(code="invalid", detail="Contradiction."),
    ]
    errors = answer_to(Refused(problems=problems)).data["errors"]
    assert [(e["code"], e["attr"]) for e in errors] == [(p.code, p.attr) for p in problems]


def test_a_conflict_is_a_409_with_its_code() -> None:
    answer = answer_to(Locked("The choice is final."))
    assert answer.status_code == 409
    assert answer.data["errors"][0]["code"] == "selection_locked"


@pytest.mark.parametrize(
    ("error", "attrs"),
    [
        (ValidationError({"name": ["Too long."]}), ["name"]),
        (ValidationError("Contradiction."), [None]),
        (ValidationError({"__all__": ["Contradiction."]}), [None]),
    ],
)
def test_a_model_validation_error_is_a_400(error: ValidationError, attrs: list[str | None]) -> None:
    answer = answer_to(error)
    assert answer.status_code == 400
    assert [e["attr"] for e in answer.data["errors"]] == attrs


def test_a_server_error_discloses_nothing() -> None:
    answer = answer_to(RuntimeError("a secret"))
    assert answer.status_code == 500
    assert "secret" not in str(answer.data)


def test_drfs_own_errors_stay_what_they_are() -> None:
    assert answer_to(APIException()).status_code == 500


def test_an_unknown_path_below_the_api_answers_in_json(client: Client) -> None:
    answer = client.get("/api/v1/no-such-thing")
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["code"] == "not_found"
