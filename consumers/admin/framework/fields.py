"""Form fields and widgets of the admin."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from unfold.widgets import BASE_INPUT_CLASSES, UnfoldAdminSelectWidget

from consumers.choices import CURRENCIES, TIME_ZONES
from consumers.types import Context, JsonObject

INPUT_CLASSES = " ".join(BASE_INPUT_CLASSES)


class ZonedDateTimeInput(forms.DateTimeInput):
    """The browser's date and time picker, with the time zone's name beside it."""

    input_type = "datetime-local"
    template_name = "admin/widgets/zoned_datetime.html"

    def __init__(self, attrs: JsonObject | None = None) -> None:
        super().__init__({"class": INPUT_CLASSES, **(attrs or {})}, format="%Y-%m-%dT%H:%M")

    def get_context(self, name: str, value: Any, attrs: JsonObject | None) -> Context:
        context: Context = super().get_context(name, value, attrs)
        context["zone"] = timezone.get_current_timezone_name()
        return context

    def format_value(self, value: Any) -> str | None:
        if isinstance(value, datetime) and value.second:
            # Keep seconds that came over REST.
            return value.strftime("%Y-%m-%dT%H:%M:%S")
        return super().format_value(value)


class ZonedDateTimeField(forms.DateTimeField):
    """A moment, entered and shown in the account's time zone.

    ``stored`` is the moment being edited: a time in the hour that comes twice stays valid while nobody changes it.
    """

    widget = ZonedDateTimeInput
    stored: datetime | None = None

    def to_python(self, value: Any) -> datetime | None:
        try:
            moment: datetime | None = super().to_python(value)
        except forms.ValidationError as error:
            if error.code != "ambiguous_timezone":
                raise
            wall_time = parse_datetime(str(value).strip())
            if wall_time is None:
                raise
            return self._stored_or_refused(wall_time)
        return moment

    def _stored_or_refused(self, wall_time: datetime) -> datetime:
        """Return the stored moment if it shows this ambiguous wall time; never guess one.

        Raises:
            forms.ValidationError: the stored moment shows another time.
        """
        zone = timezone.get_current_timezone()
        if self.stored is not None and timezone.make_naive(self.stored, zone).replace(microsecond=0) == wall_time:
            return self.stored.replace(microsecond=0)
        exists = timezone.make_naive(wall_time.replace(tzinfo=zone).astimezone(UTC), zone) == wall_time
        reason = (
            "happens twice, because the clocks go back" if exists else "does not exist, because the clocks go forward"
        )
        raise forms.ValidationError(
            f"In {zone} {date_format(wall_time, 'H:i')} on {date_format(wall_time, 'j M Y')} {reason}. "
            "Choose an earlier or later time.",
            code="ambiguous_timezone",
        )


class DateInput(forms.DateInput):
    """The browser's date picker."""

    input_type = "date"

    def __init__(self, attrs: JsonObject | None = None) -> None:
        super().__init__({"class": f"{INPUT_CLASSES} max-w-2xl", **(attrs or {})}, format="%Y-%m-%d")


def currency_choices(*, first: tuple[str, ...] = ()) -> list[Any]:
    """Return ISO 4217 currencies as choices; those of ``first`` come in a group at the top."""
    first_choices = [(code, f"{code} · {CURRENCIES.get(code, code)}") for code in first]
    others = [(code, f"{code} · {name}") for code, name in sorted(CURRENCIES.items()) if code not in first]
    return [("Used by this account", first_choices), ("All currencies", others)] if first_choices else others


def currency_field(**kwargs: Any) -> forms.ChoiceField:
    """Return a choice of ISO 4217 currencies."""
    return forms.ChoiceField(choices=currency_choices(), widget=UnfoldAdminSelectWidget(), **kwargs)


def zone_choices() -> list[Any]:
    """Return IANA time zones as choices, grouped by continent."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(TIME_ZONES):
        continent, _, place = name.partition("/")
        if place and continent not in {"Etc", "SystemV", "US", "posix", "right"}:
            groups.setdefault(continent, []).append((name, f"{continent} / {place.replace('_', ' ')}"))
    return [("World", [("UTC", "UTC")]), *groups.items()]


def zone_field(*, blank: str = "", **kwargs: Any) -> forms.ChoiceField:
    """Return a choice of time zones; ``blank`` labels the empty choice."""
    choices = zone_choices()
    if blank:
        choices = [("", blank), *choices]
    return forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget(), **kwargs)
