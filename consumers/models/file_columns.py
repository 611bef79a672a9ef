"""The columns of files that people have mapped to fields."""

from django.db import models

from consumers.models.account import AccountOwned


class FileColumnChoice(AccountOwned):
    """The field that staff chose last for a heading of files of one kind; an empty ``column`` is not imported.

    ``kind`` is the name of the rows' resource; ``heading`` is in small letters, without blanks and punctuation.
    """

    kind = models.CharField(max_length=64)
    heading = models.CharField(max_length=200)
    column = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("kind", "heading")
        constraints = [
            models.UniqueConstraint(fields=("account", "kind", "heading"), name="file_column_once_per_heading")
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.heading}"
