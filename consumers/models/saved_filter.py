"""Filters of the back office's lists that staff keep under a name."""

import unicodedata

from django.db import models

from consumers.models.account import AccountOwned
from consumers.models.staff import User

MAX_FILTER_NAME_LENGTH = 60
MAX_FILTER_QUERY_LENGTH = 2000


class SavedFilter(AccountOwned):
    """Filters, search and order of a list, as a query string; a colleague sees it once it is ``shared``.

    ``list_name`` is the label of the list's model, such as ``consumers.site``. ``name_key`` is the name in its normal
    form: two names of one person's filters in a list differ by more than case and width. ``is_default`` is the one with
    which the list opens for its owner.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", editable=False)
    list_name = models.CharField(max_length=100, editable=False)
    name = models.CharField(max_length=MAX_FILTER_NAME_LENGTH)
    # Folding may lengthen a text.
    name_key = models.CharField(max_length=20 * MAX_FILTER_NAME_LENGTH, editable=False)
    query = models.CharField(max_length=MAX_FILTER_QUERY_LENGTH, editable=False)
    shared = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False)

    class Meta:
        ordering = ("name_key", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("account", "list_name", "user", "name_key"), name="saved_filter_once_per_name"
            ),
            models.UniqueConstraint(
                fields=("account", "list_name", "user"),
                condition=models.Q(is_default=True),
                name="saved_filter_one_default",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def normal_name(name: str) -> str:
        """Return a name as two names are compared: without differences of case, width and blanks."""
        # Folded twice: what folding makes of a character may be composed in a further step.
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        return " ".join(folded.split())
