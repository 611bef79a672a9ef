"""The codes of errors of the till's calls, offers, vouchers and points."""

from http import HTTPStatus

from consumers.error_codes import ErrorCode, bad_requests

CODES = [
    *bad_requests(
        length="The list has too few or too many lines.",
        too_late="The sale is older than the account takes.",
        in_the_future="The moment lies in the future.",
        card_of_another_consumer="The sale names a consumer and the card of another.",
        more_than_bought="More comes back than is left of the line.",
        negative_total="The basket is worth less than nothing.",
        not_a_member="The consumer is no active member.",
        not_tiered="The offer costs no points, so it cannot be claimed.",
        adjustment_limit="The adjustment is above the role's limit.",
        message_settled="The message has been sent or given up already.",
        replay_too_late="The account does not take sales as old as those.",
        unreadable_sales_file="The file of past sales cannot be read.",
        from_after_to="The first day of a period is after its last.",
        ledger_is_append_only="The ledger is corrected by new entries.",
    ),
    *(
        ErrorCode(code=code, status=HTTPStatus.CONFLICT, meaning=meaning)
        for code, meaning in (
            ("reference_reused", "The reference was used before with other content."),
            ("decision_changed", "The decision differs from what the till expected."),
            ("voided", "The transaction was voided."),
            ("insufficient_points", "The balance does not reach."),
            ("offer_unavailable", "The offer is archived, over or out of stock."),
            ("no_control_group", "The promotion has no control group to be compared with."),
            ("not_measured_yet", "The promotion has not started: there is nothing to compare yet."),
        )
    ),
]
