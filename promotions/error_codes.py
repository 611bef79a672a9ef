"""The codes of errors of products, promotions, discounts and personalized promotions."""

from http import HTTPStatus

from consumers.error_codes import ErrorCode, bad_requests

CODES = [
    *bad_requests(
        immutable="The field cannot be changed once the promotion is published.",
        not_after_start="The end must be after the start.",
        in_the_past="The end is in the past.",
        not_of_type="Promotions or discounts of this type do not have this field.",
        not_used="Offers of this kind or benefit do not have this field.",
        invalid_number="The value must be a number in the allowed range.",
        invalid_value="The value cannot be compared with this attribute.",
        invalid_url="The address does not begin with `https://` or is not an address.",
        blank_in_address="The address contains a space; write it as `%20`.",
        unknown_insert="The text uses an insert that does not exist.",
        unclosed_insert="An insert begins with `{{` but has no closing `}}`.",
        unknown_attribute="These rules do not have this attribute.",
        unknown_operator="The attribute does not have this operator.",
        catalogue_disabled="Without a catalogue, products can only be selected by SKU.",
        too_deep="The rule tree is nested too deeply.",
        too_many_conditions="The rule tree has too many conditions.",
        one_source="A product set has exactly one source.",
        not_together="These fields cannot be used together.",
        above_required_quantity="More units are discounted than required.",
        not_discounted="The product set does not get the discount, so it cannot have this field.",
        no_discounted_set="At least one product set must get the discount.",
        not_in_set="The default product is not one of the set's products.",
        zero="The number must not be 0.",
        archived="The campaign is archived and takes no new members.",
        other_currency="The campaign has a budget, and the promotion another currency than the account.",
        above_100="The shares of the parties that pay are more than 100 together.",
        no_products="No products were sent.",
        too_many_products="The list has too many products.",
        product_not_available="The product is not on the list or not in the catalogue.",
        maximum_distinct_products_exceeded="More products are chosen than the promotion allows.",
    ),
    *(
        ErrorCode(code=code, status=HTTPStatus.CONFLICT, meaning=meaning)
        for code, meaning in (
            ("already_published", "A published promotion cannot become a draft again or be deleted."),
            ("stopped", "The promotion has been stopped and cannot be published again."),
            ("not_published", "A draft cannot be stopped."),
            ("selection_locked", "The consumer's choice is final and cannot be changed."),
        )
    ),
]
