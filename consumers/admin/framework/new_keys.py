"""A key made from the name that was entered, where a form leaves the key blank."""

from django.utils.text import slugify

from consumers.types import Rows


def key_from_name(rows: Rows, field: str, name: str, *, max_length: int, otherwise: str) -> str:
    """Return a key that none of ``rows`` has in ``field``: the name in lower case with hyphens, numbered if taken.

    ``otherwise`` stands for a name without a letter or digit that a key may have.
    """
    stem = slugify(name)[: max_length - 4].strip("-") or otherwise
    taken = set(rows.filter(**{f"{field}__startswith": stem}).values_list(field, flat=True))
    return next(key for n in range(1, len(taken) + 2) if (key := stem if n == 1 else f"{stem}-{n}") not in taken)
