"""The codes of errors of the till's calls, offers, vouchers and points."""

from http import HTTPStatus

from consumers.error_codes import ErrorCode, bad_requests

CODES = [
    *bad_requests(
        length="The list has too few or too many lines.",
        too_late="The sale is older than the account accepts.",
        in_the_future="The date and time is in the future.",
        card_of_another_consumer="The card belongs to another consumer than the sale names.",
        more_than_bought="More is returned than is left of the line.",
        negative_total="The total of the basket is below zero.",
        not_a_member="The consumer is not an active loyalty member.",
        not_tiered="The offer costs no points, so it cannot be claimed.",
        adjustment_limit="The adjustment is above the limit of the role.",
        message_settled="The message has already been sent or given up.",
        replay_too_late="The sales are older than the account accepts.",
        unreadable_sales_file="The file of past sales cannot be read.",
        from_after_to="The first day of a period is after its last.",
        ledger_is_append_only="Ledger entries cannot be changed; add a correcting entry.",
    ),
    *(
        ErrorCode(code=code, status=HTTPStatus.CONFLICT, meaning=meaning)
        for code, meaning in (
            ("reference_reused", "The reference was already used for a different call."),
            ("decision_changed", "The decision differs from what the till expected."),
            ("voided", "The transaction was voided."),
            ("insufficient_points", "The consumer has too few points."),
            ("offer_unavailable", "The offer is archived, has ended or is out of stock."),
            ("no_control_group", "The promotion has no control group to be compared with."),
            ("no_universal_holdout", "The account had no universal holdout in that year."),
            ("not_measured_yet", "The promotion or the holdout has not started: there is nothing to compare yet."),
        )
    ),
]
