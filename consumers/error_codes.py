"""The codes of errors: stable, each with the HTTP status of its answer and what it means.

Every package registers its own: the table in docs/rest.md, the OpenAPI document and the answers have one source. A code
that no package has registered is a fault, which the tests' API client reports.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

_BAD_REQUEST = HTTPStatus.BAD_REQUEST


@dataclass(frozen=True, kw_only=True)
class ErrorCode:
    """A code of an error, its HTTP status, and its meaning in a sentence."""

    code: str
    meaning: str
    status: HTTPStatus = _BAD_REQUEST


_codes: dict[str, ErrorCode] = {}


def error_codes_register(codes: Iterable[ErrorCode]) -> None:
    """Add a package's codes. Two packages may share one, if they mean the same by it."""
    for code in codes:
        if _codes.setdefault(code.code, code) != code:
            raise ValueError(f"The error code {code.code} has two meanings.")


def error_codes_registered() -> dict[str, ErrorCode]:
    """Return all codes in alphabetical order."""
    return dict(sorted(_codes.items()))


def status_of_code(code: str) -> HTTPStatus:
    """Return the status of a refusal; 400 for codes that name a path of the body."""
    registered = _codes.get(code)
    return registered.status if registered is not None else _BAD_REQUEST


def bad_requests(**meanings: str) -> list[ErrorCode]:
    """Return codes of status 400 by their meanings."""
    return [ErrorCode(code=code, meaning=meaning) for code, meaning in meanings.items()]


CODES = [
    *bad_requests(
        bad_request="The request cannot be read, such as one for an unknown host.",
        parse_error="The body is not JSON, or the address has too many parameters.",
        unknown_parameter="The call does not take this query parameter.",
        unknown_field="The object does not have this field.",
        duplicate_key="An object has this key twice.",
        invalid="The value has the wrong type or form; the detail says what it must be.",
        required="The field is required.",
        null="The field must not be null.",
        blank="The text must not be blank.",
        blank_at_end="A new key must not begin or end with a space.",
        slash="A key must not begin or end with a slash.",
        control_character="The text contains a control character; remove it.",
        invisible_character="The key contains an invisible character; remove it.",
        min_length="The text is too short.",
        max_length="The text or list is too long.",
        min_value="The number is too small.",
        max_value="The number, or the total it leads to, is too large.",
        max_digits="The number has too many digits.",
        max_decimal_places="The number has too many decimals.",
        max_whole_digits="The number has too many digits before the point.",
        max_string_length="The text is too long to be a number.",
        invalid_choice="The value is not one of those allowed.",
        not_a_list="The value must be a list.",
        not_a_dict="The value must be an object.",
        empty="The list or object must not be empty.",
        date="Send a date without a time.",
        datetime="Send a date and time, not a date alone.",
        make_aware="The date and time does not exist in its time zone.",
        overflow="The date and time is out of range.",
        offset="The date and time needs its offset from UTC, such as `Z` or `+01:00`.",
        range="The year is out of range.",
        duplicate="The same key, card, line or voucher is sent twice, or the card belongs to another consumer.",
        unique="A row with this key exists already.",
        already_exists="A row with this key exists already.",
        does_not_exist="The row that the field refers to does not exist.",
        unknown_reference="The row that the field refers to does not exist.",
        too_long="The search has more than 8 words or 200 characters.",
        last_administrator="The account would be left without an administrator.",
        contradicts_date_of_birth="The birthday does not match the date of birth.",
        job_failed="The job cannot continue; the detail says why.",
        job_over="The job has ended already.",
    ),
    ErrorCode(code="not_authenticated", status=HTTPStatus.UNAUTHORIZED, meaning="The call has no API key."),
    ErrorCode(
        code="authentication_failed",
        status=HTTPStatus.UNAUTHORIZED,
        meaning="The API key is unknown, revoked or expired.",
    ),
    ErrorCode(
        code="permission_denied", status=HTTPStatus.FORBIDDEN, meaning="The role of the API key does not allow this."
    ),
    ErrorCode(code="not_found", status=HTTPStatus.NOT_FOUND, meaning="The path or row does not exist."),
    ErrorCode(
        code="method_not_allowed",
        status=HTTPStatus.METHOD_NOT_ALLOWED,
        meaning="The path does not support this method.",
    ),
    ErrorCode(
        code="not_acceptable",
        status=HTTPStatus.NOT_ACCEPTABLE,
        meaning="Answers are `application/json` only; `Accept` must allow it.",
    ),
    ErrorCode(
        code="in_use",
        status=HTTPStatus.CONFLICT,
        meaning="It is in use or has history, so it cannot be deleted; archive it instead.",
    ),
    ErrorCode(
        code="too_large",
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        meaning="The body has too many bytes, rows or values for one call; split it.",
    ),
    ErrorCode(
        code="unsupported_media_type",
        status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        meaning="The body must be sent as `application/json`.",
    ),
    ErrorCode(
        code="throttled",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        meaning="The API key has used its calls for this minute; wait for the seconds in `Retry-After`.",
    ),
    ErrorCode(
        code="error",
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        meaning="The server failed; try again with the same reference.",
    ),
    ErrorCode(
        code="unavailable",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        meaning="The database is unavailable or busy; try again.",
    ),
    ErrorCode(
        code="too_slow",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        meaning="The call takes too long; ask for less at once.",
    ),
]
"""Those of the framework, and of accounts, sites, groups and consumers."""
