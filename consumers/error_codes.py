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
        bad_request="The request cannot be read at all, such as one for an unknown host.",
        parse_error="The body is not JSON, or the address has too many parameters.",
        unknown_parameter="The call has no such query parameter.",
        unknown_field="The object has no such field.",
        duplicate_key="An object has this key twice.",
        invalid="The value is not of the expected form.",
        required="The field is missing.",
        null="The field may not be null.",
        blank="The text may not be blank.",
        blank_at_end="A new key begins or ends with a blank.",
        slash="A key begins or ends with a slash.",
        control_character="The text has a control character.",
        invisible_character="The key has a character that cannot be seen.",
        min_length="The text is too short.",
        max_length="The text or list is too long.",
        min_value="The number is too small.",
        max_value="The number, or what it would lead to, is too large.",
        max_digits="The number has too many digits.",
        max_decimal_places="The number has too many decimals.",
        max_whole_digits="The number has too many digits before the point.",
        max_string_length="The text is too long for a number.",
        invalid_choice="The value is none of those that are allowed.",
        not_a_list="A list is expected.",
        not_a_dict="An object is expected.",
        empty="The list or object may not be empty.",
        date="A date is expected, not a moment.",
        datetime="A moment is expected, not a date.",
        make_aware="The moment does not exist in its time zone.",
        overflow="The moment is out of range.",
        offset="The moment has no offset from UTC.",
        range="The year is out of range.",
        duplicate="The same key, card, line or voucher is named twice, or the card is another consumer's.",
        unique="There is a row with this key already.",
        already_exists="There is a row with this key already.",
        does_not_exist="The row that the field names does not exist.",
        unknown_reference="The row that the field names does not exist.",
        too_long="The search has more than 8 words or 200 characters.",
        last_administrator="The account would have no administrator left.",
        contradicts_date_of_birth="The birthday is not that of the date of birth.",
        job_failed="The job cannot go on.",
        job_over="The job has ended already.",
    ),
    ErrorCode(code="not_authenticated", status=HTTPStatus.UNAUTHORIZED, meaning="There is no key in the call."),
    ErrorCode(
        code="authentication_failed",
        status=HTTPStatus.UNAUTHORIZED,
        meaning="The key is unknown, revoked or expired.",
    ),
    ErrorCode(code="permission_denied", status=HTTPStatus.FORBIDDEN, meaning="The key's role may not do this."),
    ErrorCode(code="not_found", status=HTTPStatus.NOT_FOUND, meaning="The path or row does not exist."),
    ErrorCode(
        code="method_not_allowed",
        status=HTTPStatus.METHOD_NOT_ALLOWED,
        meaning="The path does not have this method.",
    ),
    ErrorCode(code="not_acceptable", status=HTTPStatus.NOT_ACCEPTABLE, meaning="Answers are application/json."),
    ErrorCode(
        code="in_use",
        status=HTTPStatus.CONFLICT,
        meaning="History or another row needs it: archive it instead.",
    ),
    ErrorCode(
        code="too_large",
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        meaning="The body has more bytes, rows or values than are taken at once.",
    ),
    ErrorCode(
        code="unsupported_media_type",
        status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        meaning="The body is not application/json.",
    ),
    ErrorCode(
        code="throttled",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        meaning="The key has no call left in this minute: wait for Retry-After.",
    ),
    ErrorCode(
        code="error",
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        meaning="A fault of the server; try again with the same reference.",
    ),
    ErrorCode(
        code="unavailable",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        meaning="The database is away or busy: try again.",
    ),
    ErrorCode(
        code="too_slow",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        meaning="What was asked takes too long: ask for less.",
    ),
]
"""Those of the framework, and of accounts, sites, groups and consumers."""
