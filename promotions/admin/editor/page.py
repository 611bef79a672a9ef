"""The pages of one family's promotions: the list, the choice of a type, the form, and the steps of a promotion's life.

The page of a family names its types, its form and its services; see ``PromotionAdmin``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import action

from consumers.admin.files.pages import ImportExportMixin
from consumers.admin.framework.history import DescribeChange
from consumers.admin.framework.pages import AccountAdmin, ModelForm, account_of, author_of
from consumers.author import Author
from consumers.models import Account
from consumers.types import Context
from promotions.admin.editor.bulk_steps import BulkStepsMixin
from promotions.admin.editor.evaluation_time import (
    EVALUATION_TIME_HELP,
    describe_evaluation_time,
    evaluation_time_of,
    may_see_evaluation_time,
)
from promotions.admin.editor.form import PromotionForm
from promotions.admin.editor.header import header_of
from promotions.admin.editor.history import (
    promotion_change,
    promotion_change_without_personalized,
    status_entries,
    versions_address,
)
from promotions.admin.editor.list_page import PromotionListMixin
from promotions.admin.editor.publishing import PublishingMixin, is_publishing
from promotions.admin.editor.step_forms import promotion_of
from promotions.admin.editor.steps import StepsMixin
from promotions.admin.editor.summary import SummaryMixin, definition_of
from promotions.admin.visibility import campaign_access, may_publish, may_see_personalized
from promotions.choices import Status
from promotions.exceptions import PromotionsError
from promotions.models import Promotion
from promotions.selectors.profiling import evaluation_time_median
from promotions.services.promotion.life import (
    promotion_delete,
    promotion_rename,
)
from promotions.services.promotion.values import PromotionFamily, PromotionValues


def _check_draft_state(request: HttpRequest, stored: Promotion) -> None:
    """Check that a form shown for a draft is saved to a draft, and that what it publishes may be published.

    Raises:
        PromotionsError: somebody published it, or archived it, since the form was shown.
    """
    shown_as_draft = "_draft" in request.POST or request.POST.get("_continue") == "draft"
    if shown_as_draft and not stored.draft:
        raise PromotionsError("Someone has just published this. Save again to change what customers get.")
    if is_publishing(request) and stored.archived:
        raise PromotionsError("Someone has just archived this. Bring it back, then publish it.")


DRAFT_NOTE = "A draft: nothing applies until you publish it."
OTHERS_PUBLISH_NOTE = "A draft: nothing applies until somebody with Publishing in their role publishes it."


@dataclass(frozen=True, kw_only=True)
class TypeCard:
    """A type of promotion on the page that offers the types."""

    value: str
    label: str
    icon: str
    sentence: str
    example: str


class PromotionAdmin(
    ImportExportMixin, PublishingMixin, StepsMixin, BulkStepsMixin, SummaryMixin, PromotionListMixin, AccountAdmin
):
    """The promotions of one family.

    ``types`` are its types; the first page of adding one asks ``question`` and offers them as ``cards``.
    ``values_from`` reads its form, ``save_values`` calls its service, ``summary`` describes a promotion in a sentence,
    and ``advice`` warns of what may be meant otherwise.
    """

    family: ClassVar[PromotionFamily]
    cards: ClassVar[Sequence[TypeCard]]
    question: ClassVar[str]
    change_form_template = "admin/promotions/promotion/change_form.html"
    search_fields = ("name", "code", "description")
    search_help_text = "Name, code or description"
    ordering = ("-starts_at", "code")
    file_note = (
        "New promotions are imported as drafts, existing ones are updated. A file cannot publish or stop them. "
        "Name sites, products and other rows by their codes; they must already exist."
    )
    other_entries = staticmethod(status_entries)
    lists_deletion = True
    actions_detail: tuple[str, ...] = ("stop", "try_it", "conflicts", "duplicate", "archive", "bring_back", "versions")

    class Media:
        js = ("js/shown.js", "js/summary.js", "js/use_conditions.js")

    def describe_for(self, request: HttpRequest) -> DescribeChange:
        return promotion_change if may_see_personalized(request) else promotion_change_without_personalized

    # --- who may do what with a promotion that is published ---

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and self._is_theirs(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and self._is_theirs(request, obj)

    def has_import_permission(self, request: HttpRequest) -> bool:
        # A file changes promotions that are published.
        return may_publish(request) and super().has_import_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        # For an action the theme passes the row's id as the row.
        return bool(super().has_view_permission(request))

    def has_try_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Whether the user may try a basket with promotions of this family."""
        return self.has_view_permission(request) and request.user.has_perm("loyalty.view_triedbasket")

    def has_compare_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Whether the user may see the conflicts of promotions of this family."""
        return self.has_view_permission(request) and request.user.has_perm("conflicts.view_conflictsettings")

    @staticmethod
    def _is_theirs(request: HttpRequest, obj: object) -> bool:
        """Return whether a promotion is a draft, or the user decides what is live."""
        # For an action the theme passes the row's id as the row.
        return not isinstance(obj, Promotion) or obj.draft or may_publish(request)

    # --- the form ---

    def fieldsets_of(self, promotion_type: str) -> object:
        """Return the form's tabs with their sections for one type."""
        raise NotImplementedError

    def values_from(self, form: object, *, common: dict[str, object]) -> PromotionValues:
        """Return the values of a valid form; ``common`` are those that every family has."""
        raise NotImplementedError

    def save_values(
        self, form: object, *, common: dict[str, object], account: Account, author: Author, at: datetime
    ) -> tuple[Promotion, bool]:
        """Call the service with ``common``, the values that every family has, and those of the form.

        Returns:
            The promotion, and whether it was created.
        """
        raise NotImplementedError

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> object:
        return self.fieldsets_of(self._type(request, obj))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> type[ModelForm]:
        form: type[ModelForm] = super().get_form(request, obj, change=change, **kwargs)
        if issubclass(form, PromotionForm):
            form.promotion_type = self._type(request, obj)
            form.campaign_access = campaign_access(request)
        return form

    @staticmethod
    def _type(request: HttpRequest, promotion: Promotion | None) -> str:
        return promotion.type if promotion is not None else request.GET.get("type", "")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: object = None) -> HttpResponse:
        """Ask for the type first, which cannot be changed later; then show the form."""
        if request.GET.get("type") in self.types.values:
            self.ask_before_publishing(request, None)
            label = self.types(request.GET["type"]).label
            extra_context = {
                "title": f"{self.add_label}: {label}",
                "is_draft": True,
                "may_publish": may_publish(request),
                "show_save_and_add_another": False,
                "promotion_type": label,
                "summary_url": f"{self.url_of('summary')}?{urlencode({'type': request.GET['type']})}",
                "add_url": self.url_of("add"),
                "submit_note": DRAFT_NOTE if may_publish(request) else OTHERS_PUBLISH_NOTE,
            }
            response: HttpResponse = super().add_view(request, form_url, extra_context)
            return response
        if not self.has_add_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": self.add_label,
            "question": self.question,
            "opts": self.opts,
            "cards": self.cards,
            "changelist_url": self.url_of("changelist"),
        }
        return TemplateResponse(request, "admin/promotions/promotion/choose_type.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: object = None
    ) -> HttpResponse:
        promotion = self.get_object(request, object_id)
        if promotion is not None:
            status = promotion.status_at(promotion.seen_at)
            note = DRAFT_NOTE if may_publish(request) else OTHERS_PUBLISH_NOTE
            self.ask_before_publishing(request, promotion)
            extra_context = {
                "title": promotion.name,
                "show_save_and_add_another": False,
                "summary_url": f"{self.url_of('summary')}?{urlencode({'id': promotion.pk})}",
                "header": header_of(promotion, status, type_label=self.type_label(promotion)),
                "tab_links": [("Results", f"{reverse('promotion_results')}?{urlencode({'promotion': promotion.pk})}")],
                "server_time": self._evaluation_time_text(request, promotion),
                "server_time_help": EVALUATION_TIME_HELP,
                # Deleting a promotion that was redeemed would be refused; it can be archived.
                "show_delete": not promotion.redemptions,
                "is_draft": promotion.draft,
                "may_publish": not promotion.archived and may_publish(request),
                "submit_note": note if status == Status.DRAFT else "",
            }
        response: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return response

    def render_change_form(self, request: HttpRequest, context: Context, *args: Any, **kwargs: Any) -> HttpResponse:
        # The summary above the form is rendered with the page: nothing moves once it is read.
        form = context["adminform"].form
        stored = form.stored.pk is not None and not form.is_bound
        definition = definition_of(form.stored) if stored else form.partial_definition()
        context["summary"] = self.summary_for(request, definition)
        context["advice"] = self.advice(definition)
        context["changes"] = self.changes_for(request, form) if form.is_bound else []
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    @staticmethod
    def _evaluation_time_text(request: HttpRequest, promotion: Any) -> str:
        """Describe a promotion's server time; empty for a user who may not see it."""
        if not may_see_evaluation_time(request):
            return ""
        median = None
        if promotion.cost_nanoseconds is not None:
            median = evaluation_time_median(account_id=account_of(request).pk, at=promotion.seen_at)
        return describe_evaluation_time(evaluation_time_of(promotion, median=median))

    @staticmethod
    def common_values(form: Any) -> dict[str, object]:
        """Return the values of a valid form that every family has, without the code."""
        names = ("name", "description", "currency", "starts_at", "ends_at", "funding", "ledger_class")
        return {name: form.cleaned_data[name] for name in names} | {"campaign": form.cleaned_data["campaign"] or None}

    def save_row(self, request: HttpRequest, obj: Any, form: Any, *, change: bool) -> Promotion:
        now = timezone.now()
        account, author = account_of(request), author_of(request, reason=form.cleaned_data["publish_reason"])
        draft, code, archived = not is_publishing(request), form.cleaned_data["code"], False
        if change:
            stored = self.promotion_of(request, obj.pk)
            _check_draft_state(request, stored)
            draft, archived = draft and stored.draft, stored.archived
            if stored.draft:
                promotion_rename(promotion=stored, code=code, author=author, at=now)
            else:
                code = stored.code
        common = {**self.common_values(form), "code": code, "draft": draft, "archived": archived}
        saved, created = self.save_values(form, common=common, account=account, author=author, at=now)
        if not change and not created:
            # Somebody took the code between the form's check and the save: the request is rolled back.
            raise PromotionsError("There is a promotion with this code already.", attr="code")
        return saved

    def rows_in_use(self, request: HttpRequest, rows: Sequence[Any]) -> set[object]:
        # What transactions need was redeemed: the counter tells without a look at them. The rest the service refuses.
        return {row.pk for row in rows if row.redemptions}

    def delete_row(self, request: HttpRequest, obj: Any) -> None:
        promotion_delete(promotion=self.promotion_of(request, obj.pk), author=author_of(request))

    def response_add(self, request: HttpRequest, obj: object, post_url_continue: str | None = None) -> HttpResponse:
        return self._after_saving(request, obj)

    def response_change(self, request: HttpRequest, obj: object) -> HttpResponse:
        return self._after_saving(request, obj)

    def _after_saving(self, request: HttpRequest, promotion: Any) -> HttpResponse:
        request.saved_promotion = promotion  # type: ignore[attr-defined]
        page = self.url_of("change", promotion.pk) if "_continue" in request.POST else self.url_of("changelist")
        return HttpResponseRedirect(page)

    def promotion_of(self, request: HttpRequest, object_id: object) -> Promotion:
        """Return a promotion of this family.

        Raises:
            Http404: the account has none with this id.
        """
        promotion = promotion_of(request, object_id)
        if promotion.family != self.family.family:
            raise Http404("This promotion does not exist.")
        return promotion

    @action(description="Try it", icon="play_circle", permissions=["try"])
    def try_it(self, request: HttpRequest, object_id: object) -> HttpResponse:
        query = urlencode({"promotion": self.promotion_of(request, object_id).pk})
        return HttpResponseRedirect(f"{reverse('try_basket')}?{query}")

    @action(description="Conflicts", icon="balance", permissions=["compare"])
    def conflicts(self, request: HttpRequest, object_id: object) -> HttpResponse:
        query = urlencode({"promotion": self.promotion_of(request, object_id).pk})
        return HttpResponseRedirect(f"{reverse('promotion_conflicts')}?{query}")

    @action(description="Versions", icon="history", permissions=["view"])
    def versions(self, request: HttpRequest, object_id: object) -> HttpResponse:
        return HttpResponseRedirect(versions_address(self.promotion_of(request, object_id).code))
