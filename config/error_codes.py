"""Every error code of the REST API: one table that answers, the OpenAPI document and the documentation hold to."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """What a code means, its HTTP status, and whether a till's calls can be refused with it."""

    meaning: str
    status: int = 400
    is_for_tills: bool = False


def _till(meaning: str, status: int = 400) -> ErrorCode:
    return ErrorCode(meaning, status, is_for_tills=True)


ERROR_CODES: Mapping[str, ErrorCode] = {
    # Every call.
    "not_authenticated": _till("No key was sent.", 401),
    "authentication_failed": _till("The key is unknown, revoked or expired.", 401),
    "permission_denied": _till("The key's role may not make this call.", 403),
    "not_found": _till("There is no such row or path.", 404),
    "method_not_allowed": _till("The path does not have this method.", 405),
    "not_acceptable": _till("The caller does not accept application/json.", 406),
    "too_large": _till("The body has more bytes or rows than are taken.", 413),
    "unsupported_media_type": _till("The body is not application/json.", 415),
    "throttled": _till("The key has called too often; Retry-After says when it may again.", 429),
    "error": _till("The server failed; its log has the details.", 500),
    "unavailable": _till("The database does not answer or is too busy; nothing was done.", 503),
    "bad_request": _till("The request cannot be read, such as one with an unknown host."),
    "unknown_parameter": _till("The call does not take this query parameter."),
    # The form of a body.
    "parse_error": _till("The body is not JSON."),
    "invalid": _till("A value is not as the document says, or two do not go together."),
    "required": _till("A field is missing."),
    "unknown_field": _till("The object does not have this field."),
    "duplicate_key": _till("A key is given twice in one object."),
    "control_character": _till("A text has a control character."),
    "invisible_character": _till("A key or name has a character that cannot be seen."),
    "null": ErrorCode("A field may not be null."),
    "blank": _till("A text may not be blank."),
    "min_length": _till("A text or list is too short."),
    "max_length": _till("A text or list is too long."),
    "length": _till("A list has too few or too many entries."),
    "min_value": _till("A number is too small."),
    "max_value": _till("A number, or what it leads to, is too large."),
    "max_digits": ErrorCode("A number has too many digits."),
    "max_decimal_places": _till("A number has too many decimals."),
    "max_whole_digits": ErrorCode("A number has too many digits before the point."),
    "max_string_length": ErrorCode("A number is written too long."),
    "invalid_choice": _till("The value is not one of those that are possible."),
    "invalid_image": ErrorCode("The file is not an image."),
    "not_a_list": ErrorCode("A list is expected."),
    "not_a_dict": ErrorCode("An object is expected."),
    "empty": ErrorCode("A list may not be empty."),
    "slash": ErrorCode("A key cannot begin or end with a slash."),
    "offset": ErrorCode("A moment lacks its offset from UTC."),
    "range": ErrorCode("A moment or day is outside the years that are taken."),
    "make_aware": ErrorCode("A moment does not exist in its zone."),
    "overflow": ErrorCode("A moment is out of range."),
    "date": ErrorCode("A moment is expected, not a day."),
    "datetime": ErrorCode("A day is expected, not a moment."),
    "too_long": ErrorCode("The search has too many words or characters."),
    # Rows that name others.
    "does_not_exist": _till("No row has the key that is named."),
    "unknown_reference": ErrorCode("No row has the key that is named."),
    "duplicate": _till("The same key, id or code is given twice."),
    "unique": ErrorCode("Another row has this value."),
    "immutable": ErrorCode("The field can no longer be changed."),
    "in_use": ErrorCode("History or another row needs the row: archive it instead.", 409),
    "already_exists": ErrorCode("There is a row with this key already."),
    "contradicts_date_of_birth": ErrorCode("The birthday is not that of the date of birth."),
    "blank_at_end": ErrorCode("A new key begins or ends with a blank."),
    "blank_in_address": ErrorCode("The address has a blank in it."),
    "too_slow": _till("What was asked takes too long: ask for less.", 503),
    # Tills' calls.
    "too_late": _till("The sale is older than the account takes."),
    "in_the_future": _till("The moment lies in the future."),
    "card_of_another_consumer": _till("The sale names a consumer and the card of another."),
    "more_than_bought": _till("Less of the line is left to return."),
    "negative_total": _till("The basket is worth less than nothing."),
    "reference_reused": _till("The reference was used for something else.", 409),
    "decision_changed": _till("The decision is not what was expected.", 409),
    "voided": _till("The transaction was voided.", 409),
    "selection_locked": _till("The consumer's choice is final.", 409),
    # Points and offers.
    "zero": ErrorCode("An adjustment by nothing is none."),
    "not_a_member": ErrorCode("The consumer is no active member."),
    "not_tiered": ErrorCode("The offer is not one that points are paid for."),
    "insufficient_points": ErrorCode("The balance is too low.", 409),
    "offer_unavailable": ErrorCode("The offer is out of stock, outside its dates, or archived.", 409),
    "not_used": ErrorCode("An offer of this kind or benefit has no such field."),
    # Personalized lists.
    "no_products": _till("No product was named."),
    "too_many_products": _till("The list has too many products."),
    "product_not_available": _till("The product is not on the consumer's list, or not in the catalogue."),
    "maximum_distinct_products_exceeded": _till("More products are chosen than the consumer may choose."),
    # Definitions.
    "invalid_number": ErrorCode("A number is missing, malformed or out of range."),
    "invalid_value": ErrorCode("A condition's value does not fit its attribute and operator."),
    "invalid_url": ErrorCode("An address does not begin with https://."),
    "unknown_attribute": ErrorCode("Rules of this kind do not have the attribute."),
    "unknown_operator": ErrorCode("The attribute cannot be compared so."),
    "unknown_insert": ErrorCode("A text has an insert that it cannot have."),
    "unclosed_insert": ErrorCode("A text has an insert that does not end."),
    "too_deep": ErrorCode("Rules are nested too deeply."),
    "too_many_conditions": ErrorCode("A tree has too many conditions."),
    "catalogue_disabled": ErrorCode("The field needs the product catalogue, which the account has switched off."),
    "not_of_type": ErrorCode("A promotion of this type does not have the field."),
    "not_after_start": ErrorCode("The end is not after the start."),
    "one_source": ErrorCode("A product set has more than one source."),
    "not_together": ErrorCode("Two fields exclude each other."),
    "above_required_quantity": ErrorCode("More units are discounted than required."),
    "not_discounted": ErrorCode("A set that only qualifies cannot have the field."),
    "no_discounted_set": ErrorCode("No product set gets the discount."),
    "not_in_set": ErrorCode("The default product is not one of the set's products."),
    "already_published": ErrorCode("A published promotion cannot become a draft again.", 409),
    "not_published": ErrorCode("A draft cannot be stopped.", 409),
    "stopped": ErrorCode("The promotion was stopped or has ended.", 409),
}
"""Each code with its meaning. Codes are stable: clients match on them."""
