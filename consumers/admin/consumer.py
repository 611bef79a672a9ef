"""Consumers: who they are, and their Loyalty tab."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from import_export.fields import Field
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from consumers.admin.card_files import CardResource
from consumers.admin.files.pages import ImportExportMixin
from consumers.admin.files.resource import AccountResource
from consumers.admin.files.results import (
    MAX_SHOWN_PROBLEMS,
    FileProblem,
    FileRefused,
)
from consumers.admin.files.widgets import DayWidget, TextsWidget, TextWidget
from consumers.admin.framework.fields import DateInput
from consumers.admin.framework.filters import AccountRelatedFilter, ArchivedFilter, ChoiceFilter, choice_filter
from consumers.admin.framework.formset_field import FormSetField, RowForm
from consumers.admin.framework.pages import KeyedAdmin, ServiceForm, account_of
from consumers.admin.framework.rows_page import RowsPage, rows_page
from consumers.admin.group_members import GroupActionsMixin
from consumers.author import Author
from consumers.choices import ConsumerKind, MembershipStatus
from consumers.loyalty_sections import LoyaltySection, loyalty_sections
from consumers.models import Consumer
from consumers.selectors import consumers_condition, consumers_of, groups_of
from consumers.services.consumer import (
    CardValues,
    ConsumerValues,
    LoyaltyValues,
    consumer_delete,
    consumers_save,
)
from consumers.types import Context, JsonMapping, JsonObject, Rows

MEMBERSHIP_COLOURS = {
    MembershipStatus.ACTIVE.label: "success",
    MembershipStatus.SUSPENDED.label: "warning",
    MembershipStatus.WITHDRAWN.label: "danger",
    "Not a member": "default",
}


class CardForm(RowForm):
    """A loyalty card."""

    number = forms.CharField(label="Card number", max_length=64, widget=UnfoldAdminTextInputWidget())
    type = forms.CharField(label="Card type", max_length=64, required=False, widget=UnfoldAdminTextInputWidget())


class ConsumerForm(ServiceForm):
    """A consumer with membership and cards, as their service takes them."""

    member_status = forms.ChoiceField(
        label="Loyalty membership",
        required=False,
        choices=[("", "Not a member"), *MembershipStatus.choices],
        widget=UnfoldAdminSelectWidget(),
        help_text="Only active members earn points. For a member with points history who leaves, choose Withdrawn.",
    )
    enrolled_on = forms.DateField(
        label="Enrolled on",
        required=False,
        widget=DateInput({"data-shown-when": "member_status:active,suspended,withdrawn"}),
    )
    birthday = forms.CharField(
        label="Birthday",
        required=False,
        max_length=5,
        widget=UnfoldAdminTextInputWidget({"placeholder": "MM-DD"}),
        help_text="Month and day, such as 03-31, if you do not know the year. Leave blank if you enter a date of "
        "birth.",
    )
    cards = FormSetField(
        form=CardForm,
        max_rows=50,
        label="Cards",
        texts={"row": "Card", "add": "Add card", "empty": "No loyalty cards."},
    )
    problem_fields = {
        "loyalty.enrolled_on": "enrolled_on",
        "loyalty.cards": "cards",
        "loyalty": "member_status",
        "groups": "groups",
    }

    key_field = "consumer_id"

    class Meta:
        model = Consumer
        fields = (
            "consumer_id",
            "kind",
            "first_name",
            "last_name",
            "email",
            "phone",
            "date_of_birth",
            "home_site",
            "groups",
            "archived",
        )
        labels = {"consumer_id": "Consumer ID", "email": "E-mail", "home_site": "Home site"}
        widgets = {"groups": UnfoldAdminCheckboxSelectMultipleWidget()}
        help_texts = {
            "consumer_id": "ID used by tills and integrations. You cannot change it later.",
            "archived": "Hides the consumer from lists and keeps their history.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["birthday"] = self.instance.yearless_birthday
        membership = getattr(self.instance, "membership", None) if self.instance.pk else None
        if membership is not None:
            self.initial["member_status"] = membership.status
            self.initial["enrolled_on"] = membership.enrolled_on
            self.initial["cards"] = [{"number": card.number, "type": card.type} for card in membership.cards.all()]
        else:
            self.initial["enrolled_on"] = timezone.localdate()

    def clean(self) -> JsonObject:
        cleaned: JsonObject = super().clean() or self.cleaned_data
        if cleaned.get("member_status") and not cleaned.get("enrolled_on") and "enrolled_on" not in self.errors:
            self.add_error("enrolled_on", "Enter the date they joined.")
        if cleaned.get("cards") and not cleaned.get("member_status"):
            self.add_error("member_status", "Choose a membership status: only members have cards.")
        return cleaned


def _stored_status(consumer: Consumer) -> str:
    membership = getattr(consumer, "membership", None)
    return membership.status if membership is not None else ""


def _stored_enrolled_on(consumer: Consumer) -> date | None:
    membership = getattr(consumer, "membership", None)
    return membership.enrolled_on if membership is not None else None


def _stored_cards(consumer: Consumer) -> list[str]:
    membership = getattr(consumer, "membership", None)
    return [card.number for card in membership.cards.all()] if membership is not None else []


STORED_VALUE_READERS: JsonMapping = {
    "birthday": lambda consumer: consumer.birthday or "",
    "home_site": lambda consumer: consumer.home_site.number if consumer.home_site else "",
    "groups": lambda consumer: [group.code for group in consumer.groups.all()] if consumer.pk else [],
    "loyalty_status": _stored_status,
    "enrolled_on": _stored_enrolled_on,
    "cards": _stored_cards,
}
"""Readers of the columns that are not columns of the consumer's table."""


class ConsumerResource(AccountResource):
    """Consumers by id, with home site, groups, membership and cards.

    An empty loyalty status is no membership. Card types are kept; cards that are new have none.
    """

    home_site = Field(column_name="home_site", attribute="read_home_site", widget=TextWidget())
    groups = Field(column_name="groups", attribute="read_groups", widget=TextsWidget())
    loyalty_status = Field(column_name="loyalty_status", attribute="read_loyalty_status", widget=TextWidget())
    enrolled_on = Field(column_name="enrolled_on", attribute="read_enrolled_on", widget=DayWidget())
    cards = Field(column_name="cards", attribute="read_cards", widget=TextsWidget())
    date_of_birth = Field(column_name="date_of_birth", attribute="date_of_birth", widget=DayWidget(), default=None)
    birthday = Field(column_name="birthday", attribute="read_birthday", widget=TextWidget())
    columns: ClassVar[tuple[str, ...]] = (
        "kind",
        "first_name",
        "last_name",
        "email",
        "phone",
        "date_of_birth",
        "archived",
    )
    aliases: ClassVar[Mapping[str, str]] = {
        "loyalty.cards": "cards",
        "loyalty.enrolled_on": "enrolled_on",
        "loyalty": "loyalty_status",
    }

    class Meta(AccountResource.Meta):
        model = Consumer
        import_id_fields = ("consumer_id",)
        fields = (
            "consumer_id",
            "kind",
            "first_name",
            "last_name",
            "email",
            "phone",
            "date_of_birth",
            "birthday",
            "home_site",
            "groups",
            "loyalty_status",
            "enrolled_on",
            "cards",
            "archived",
        )

    def get_queryset(self) -> QuerySet[Consumer]:
        return consumers_of(account_id=self.account.pk)

    def export_field(self, field: Any, instance: Any, **kwargs: Any) -> Any:
        reader = STORED_VALUE_READERS.get(field.column_name)
        if reader is None or not isinstance(instance, Consumer):
            return super().export_field(field, instance, **kwargs)
        return field.widget.render(column_value(instance, field.column_name))

    def save_rows(self, rows: Sequence[Consumer]) -> None:
        problems: list[FileProblem] = []
        values = []
        for number, consumer in zip(self.row_numbers, rows, strict=True):
            status = column_value(consumer, "loyalty_status")
            enrolled_on = column_value(consumer, "enrolled_on")
            cards = column_value(consumer, "cards")
            if status and status not in MembershipStatus.values:
                detail = f"Must be one of {', '.join(MembershipStatus.values)}, or blank."
                problems.append(FileProblem(row=number, column="loyalty_status", detail=detail))
            elif status and enrolled_on is None:
                problems.append(FileProblem(row=number, column="enrolled_on", detail="Enter the date they joined."))
            elif cards and not status:
                problems.append(FileProblem(row=number, column="cards", detail="Only loyalty members have cards."))
            values.append(self._values(consumer, status, enrolled_on, cards))
        if problems:
            raise FileRefused(problems[:MAX_SHOWN_PROBLEMS])
        consumers_save(account_id=self.account.pk, rows=values)

    def _values(self, consumer: Consumer, status: str, enrolled_on: Any, cards: Sequence[str]) -> ConsumerValues:
        loyalty, born_on = None, consumer.date_of_birth
        if status and enrolled_on is not None:
            membership = getattr(consumer, "membership", None)
            types = {card.number: card.type for card in membership.cards.all()} if membership is not None else {}
            loyalty = LoyaltyValues(
                enrolled_on=enrolled_on,
                status=status,
                cards=tuple(CardValues(number=number, type=types.get(number, "")) for number in cards),
            )
        return ConsumerValues(
            consumer_id=consumer.consumer_id,
            # A birthday that the file does not have follows the date of birth that it has.
            birthday=vars(consumer).get("read_birthday", consumer.yearless_birthday if born_on is None else ""),
            home_site=column_value(consumer, "home_site") or None,
            groups=tuple(column_value(consumer, "groups")),
            loyalty=loyalty,
            **{name: getattr(consumer, name) for name in self.columns},
        )


def _section_shown(
    request: HttpRequest, section: LoyaltySection, consumer: Consumer, *, at: datetime
) -> tuple[LoyaltySection, Any, RowsPage | None]:
    """Return a section of the Loyalty tab with its data, and the page of its rows where it is paged."""
    if section.page_rows is None:
        return section, (section.page_data or section.data)(consumer, at=at), None
    page = rows_page(request, section.page_rows(consumer, at=at), parameter=section.key)
    return section, section.page_shape(page.rows), page


def column_value(consumer: Consumer, column: str) -> Any:
    """Return a consumer's value of a column: the file's, or else the stored one."""
    from_file = vars(consumer).get(f"read_{column}", _MISSING)
    return STORED_VALUE_READERS[column](consumer) if from_file is _MISSING else from_file


_MISSING = object()


class GroupFilter(ChoiceFilter):
    """Members of a group.

    Membership is looked up for each consumer: joined to a group of a million, all of them would be compared with each
    other to show each once.
    """

    title = "groups"
    parameter_name = "groups__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        groups = groups_of(account_id=account_of(request).pk)
        return [(str(group.pk), str(group)) for group in groups]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        if not self.value():
            return queryset
        if self.value() not in dict(self.lookup_choices):
            return queryset.none()
        links = Consumer.groups.through._default_manager.filter(consumer=OuterRef("pk"), consumergroup=self.value())
        return queryset.filter(Exists(links))


@admin.register(Consumer)
class ConsumerAdmin(GroupActionsMixin, ImportExportMixin, KeyedAdmin):
    """Consumers."""

    key = "consumer_id"
    resource_classes = (ConsumerResource, CardResource)
    file_note = (
        "Import cards in their own file, or with consumers. A file of cards adds to a member's cards. A file of "
        "consumers with a column of cards replaces them."
    )
    form = ConsumerForm
    add_label = "Add consumer"
    empty_text = "Consumers are your customers and employees. Loyalty members have cards and points."
    list_display = ("name", "consumer_id", "e_mail", "membership_label", "balance", "home_site", "last_seen")
    list_display_links = ("name", "consumer_id")
    list_filter = (
        choice_filter("kind", "kind", ConsumerKind.choices, lambda _, rows, value: rows.filter(kind=value)),
        choice_filter(
            "membership",
            "membership",
            [*MembershipStatus.choices, ("none", "Not a member")],
            lambda _, rows, value: (
                rows.filter(membership=None) if value == "none" else rows.filter(membership__status=value)
            ),
        ),
        GroupFilter,
        ("home_site", AccountRelatedFilter),
        ArchivedFilter,
    )
    search_fields = ("consumer_id", "first_name", "last_name", "email", "phone", "membership__cards__number")
    search_help_text = "Beginning of a name, ID, e-mail, phone or card"
    fieldsets = (
        (
            "General",
            {
                "classes": ("tab",),
                "fields": (
                    ("consumer_id", "kind"),
                    ("first_name", "last_name"),
                    ("email", "phone"),
                    ("date_of_birth", "birthday"),
                ),
            },
        ),
        ("Site and groups", {"fields": ("home_site", "groups")}),
        ("Loyalty membership", {"fields": (("member_status", "enrolled_on"), "cards")}),
        ("Archive", {"fields": ("archived",)}),
    )

    @property
    def media(self) -> forms.Media:
        """Return the scripts of the form and of the Loyalty tab's sections."""
        section_scripts = (script for section in loyalty_sections() for script in section.scripts)
        media: forms.Media = super().media + forms.Media(js=("js/shown.js", *section_scripts))
        return media

    def get_fieldsets(self, request: HttpRequest, obj: object = None) -> Any:
        if obj is None:
            return self.fieldsets
        return (*self.fieldsets, ("Loyalty", {"classes": ("tab",), "fields": ()}))

    tab_templates = {"Loyalty": "admin/consumers/consumer/loyalty.html"}

    def search_results(self, request: HttpRequest, queryset: Rows, search_term: str) -> tuple[Rows, bool]:
        search = search_term.strip()
        if search:
            queryset = queryset.filter(consumers_condition(account_id=account_of(request).pk, search=search))
        return queryset, False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Consumer]:
        return consumers_of(account_id=account_of(request).pk).order_by("last_name", "first_name", "consumer_id")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Context | None = None
    ) -> HttpResponse:
        consumer = self.get_object(request, object_id)
        if consumer is not None:
            now = timezone.now()
            extra_context = {
                "consumer": consumer,
                "at": now,
                "sections": [
                    _section_shown(request, section, consumer, at=now)
                    for section in loyalty_sections()
                    if not section.permission or request.user.has_perm(section.permission)
                ],
            }
        response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return response

    @display(description="Name", ordering="last_name")
    def name(self, consumer: Consumer) -> str:
        return f"{consumer.first_name} {consumer.last_name}".strip() or "–"

    @display(description="E-mail", ordering="email")
    def e_mail(self, consumer: Consumer) -> str:
        return consumer.email or "–"

    @display(description="Membership", label=MEMBERSHIP_COLOURS)
    def membership_label(self, consumer: Consumer) -> str:
        membership = getattr(consumer, "membership", None)
        return membership.get_status_display() if membership is not None else "Not a member"

    @display(description="Points", ordering="points_balance")
    def balance(self, consumer: Consumer) -> str:
        return f"{consumer.points_balance:,}" if getattr(consumer, "membership", None) else "–"

    @display(description="Last transaction", ordering="last_transaction_on")
    def last_seen(self, consumer: Consumer) -> Any:
        return consumer.last_transaction_on

    def save_values(self, *, account_id: int, author: Author, obj: Consumer, form: Any) -> None:
        values = form.cleaned_data
        loyalty = None
        if values["member_status"]:
            cards = tuple(CardValues(**card) for card in values["cards"])
            loyalty = LoyaltyValues(enrolled_on=values["enrolled_on"], status=values["member_status"], cards=cards)
        plain = ("kind", "first_name", "last_name", "email", "phone", "date_of_birth", "archived")
        row = ConsumerValues(
            consumer_id=obj.consumer_id,
            birthday=values["birthday"],
            home_site=values["home_site"].number if values["home_site"] else None,
            groups=tuple(group.code for group in values["groups"]),
            loyalty=loyalty,
            **{name: values[name] for name in plain},
        )
        consumers_save(account_id=account_id, rows=[row])

    def delete_row(self, request: HttpRequest, obj: Consumer) -> None:
        consumer_delete(account_id=account_of(request).pk, consumer_id=obj.consumer_id)
