"""Remember which columns of files give which fields."""

from collections.abc import Mapping

from consumers.models import FileColumnChoice

MAX_HEADING_LENGTH = 200


def file_columns_save(*, account_id: int, kind: str, columns: Mapping[str, str]) -> None:
    """Remember the field of each folded heading of files of a kind, for the next file; an empty field is none."""
    # Race: two people map the same heading at once. One statement, in one order: the later one's choice stays.
    FileColumnChoice.objects.bulk_create(
        [
            FileColumnChoice(account_id=account_id, kind=kind, heading=heading, column=column)
            for heading, column in sorted(columns.items())
            if heading and len(heading) <= MAX_HEADING_LENGTH
        ],
        update_conflicts=True,
        unique_fields=["account", "kind", "heading"],
        update_fields=["column"],
    )
