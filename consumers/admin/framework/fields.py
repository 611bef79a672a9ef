"""Fields and widgets of the back office's forms."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from unfold.widgets import BASE_INPUT_CLASSES, UnfoldAdminSelectWidget

from consumers.choices import CURRENCIES, TIME_ZONES

INPUT_CLASSES = " ".join(BASE_INPUT_CLASSES)


class ZonedDateTimeInput(forms.DateTimeInput):
    """The browser's own date and time picker, with the zone named beside it."""

    input_type = "datetime-local"
    template_name = "admin/widgets/zoned_datetime.html"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"class": INPUT_CLASSES, **(attrs or {})}, format="%Y-%m-%dT%H:%M")

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["zone"] = timezone.get_current_timezone_name()
        return context

    def format_value(self, value: Any) -> str | None:
        if isinstance(value, datetime) and value.second:
            # An integrator's seconds survive an edit here.
            return value.strftime("%Y-%m-%dT%H:%M:%S")
        return super().format_value(value)


class ZonedDateTimeField(forms.DateTimeField):
    """A moment, entered and shown in the current zone: the account's.

    ``stored`` is the moment that is edited: an hour that comes twice is not asked about again while nobody changes it.
    """

    widget = ZonedDateTimeInput
    stored: datetime | None = None

    def to_python(self, value: Any) -> datetime | None:
        try:
            moment: datetime | None = super().to_python(value)
        except forms.ValidationError as error:
            if error.code != "ambiguous_timezone":
                raise
            wall = parse_datetime(str(value).strip())
            if wall is None:
                raise
            return self._doubtful(wall)
        return moment

    def _doubtful(self, wall: datetime) -> datetime:
        """The stored moment, where it is what the clock said; a time that comes twice or never is not guessed.

        Raises:
            forms.ValidationError: it is another.
        """
        zone = timezone.get_current_timezone()
        if self.stored is not None and timezone.make_naive(self.stored, zone).replace(microsecond=0) == wall:
            return self.stored.replace(microsecond=0)
        exists = timezone.make_naive(wall.replace(tzinfo=zone).astimezone(UTC), zone) == wall
        why = "comes twice: the clocks go back then" if exists else "does not exist: the clocks go forward then"
        raise forms.ValidationError(
            f"In {zone} {date_format(wall, 'H:i')} on {date_format(wall, 'j M Y')} {why}. "
            "Choose an earlier or a later time.",
            code="ambiguous_timezone",
        )


class DateInput(forms.DateInput):
    """The browser's own date picker."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"class": f"{INPUT_CLASSES} max-w-2xl", **(attrs or {})}, format="%Y-%m-%d")


def currency_choices(*, first: tuple[str, ...] = ()) -> list[Any]:
    """ISO 4217 currencies, with those used most at the top."""
    at_top = [(code, f"{code} · {CURRENCIES.get(code, code)}") for code in first]
    others = [(code, f"{code} · {name}") for code, name in sorted(CURRENCIES.items()) if code not in first]
    return [("Used by this account", at_top), ("All currencies", others)] if at_top else others


def currency_field(**kwargs: Any) -> forms.ChoiceField:
    """A choice of ISO 4217 currencies."""
    return forms.ChoiceField(choices=currency_choices(), widget=UnfoldAdminSelectWidget(), **kwargs)


def zone_choices() -> list[Any]:
    """IANA zones by continent."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(TIME_ZONES):
        continent, _, place = name.partition("/")
        if place and continent not in {"Etc", "SystemV", "US", "posix", "right"}:
            groups.setdefault(continent, []).append((name, f"{continent} / {place.replace('_', ' ')}"))
    return [("World", [("UTC", "UTC")]), *groups.items()]


def zone_field(*, blank: str = "", **kwargs: Any) -> forms.ChoiceField:
    """A choice of time zones; ``blank`` says what none means."""
    choices = zone_choices()
    if blank:
        choices = [("", blank), *choices]
    return forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget(), **kwargs)
