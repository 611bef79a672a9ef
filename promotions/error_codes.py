"""The codes of errors of products, promotions, discounts and personalized promotions."""

from http import HTTPStatus

from consumers.error_codes import ErrorCode, bad_requests

CODES = [
    *bad_requests(
        immutable="The field is fixed once the promotion is published.",
        not_after_start="The end is not after the start.",
        in_the_past="The end lies in the past.",
        not_of_type="Promotions or discounts of this type have no such field.",
        not_used="The kind or benefit of the offer has no such field.",
        invalid_number="A number is expected.",
        invalid_value="The value cannot be compared with this attribute.",
        invalid_url="The address does not begin with https:// or cannot be read.",
        blank_in_address="The address has a blank in it.",
        unknown_insert="The message has no such insert.",
        unclosed_insert="An insert of the message begins with {{ but has no closing }}.",
        unknown_attribute="Rules of this tree have no such attribute.",
        unknown_operator="The attribute has no such operator.",
        catalogue_disabled="Without a catalogue, products are known by SKU alone.",
        too_deep="The rule tree is nested too deeply.",
        too_many_conditions="The rule tree has too many conditions.",
        one_source="A product set has exactly one source.",
        not_together="These fields exclude each other.",
        above_required_quantity="More units are discounted than required.",
        not_discounted="The set only qualifies.",
        no_discounted_set="No set gets the discount.",
        not_in_set="The default product is not one of the set's products.",
        zero="The number may not be 0.",
        archived="The campaign is archived and takes no new members.",
        above_100="The shares of the parties that pay are more than 100 together.",
        no_products="No products were sent.",
        too_many_products="The list has too many products.",
        product_not_available="The product is not on the list or not in the catalogue.",
        maximum_distinct_products_exceeded="More products are chosen than may be.",
    ),
    *(
        ErrorCode(code=code, status=HTTPStatus.CONFLICT, meaning=meaning)
        for code, meaning in (
            ("already_published", "A published promotion is no draft again, nor deleted."),
            ("stopped", "The promotion has been stopped and cannot be published again."),
            ("not_published", "A draft cannot be stopped."),
            ("selection_locked", "The consumer's choice is final."),
        )
    ),
]
