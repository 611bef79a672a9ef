"""Give a list of a personalized promotion to every member of a group."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminRadioSelectWidget

from consumers.admin.files.pages import redirect_to_job
from consumers.admin.framework.key_fields import KeyField
from consumers.admin.framework.pages import account_of, author_of
from consumers.exceptions import Refused
from consumers.models import Account, ConsumerGroup
from consumers.selectors import groups_of
from consumers.services.upsert import is_storable
from consumers.types import JsonObject
from promotions.admin.personalized.list_steps import CHANGE_LISTS, products_field
from promotions.models import PersonalizedPromotion
from promotions.selectors.personalized_promotion import personalized_list_of, personalized_promotions_of
from promotions.selectors.product import product_names, products_of
from promotions.services.personalized.group_lists import (
    MAX_INLINE_LISTS,
    GroupList,
    group_lists_give,
    group_lists_job_create,
    group_member_pks,
)

EXISTING = [
    ("keep", "Keep the lists that members have"),
    ("replace_open", "Replace them, but keep final choices"),
    ("replace", "Replace all of them: members may choose again"),
]


class GroupListForm(forms.Form):
    """The group, the products or whose list to copy, and what happens to lists that members have already."""

    group = KeyField("group", noun="group", required=True, label="Group", help_text="Search by name or code.")
    products = products_field("Products", "Every member gets these. Paste several SKUs, one on each line.")
    copied_from = KeyField(
        "consumer",
        noun="consumer",
        label="Or copy the list of a consumer",
        help_text="Search by name, consumer id, e-mail or card. Their products are copied, not their choice.",
    )
    existing = forms.ChoiceField(
        label="Members with a list", choices=EXISTING, initial="keep", widget=UnfoldAdminRadioSelectWidget()
    )

    def __init__(self, account: Account, promotion: PersonalizedPromotion, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.account, self.promotion = account, promotion

    def clean_group(self) -> ConsumerGroup:
        """Return the group that was named."""
        code = self.cleaned_data["group"]
        group = groups_of(account_id=self.account.pk).filter(code=code).first() if is_storable(code) else None
        if group is None:
            raise ValidationError(f"There is no group {code}.")
        if not group.consumers.exists():
            raise ValidationError(f"{group} has no members.")
        return group

    def clean_copied_from(self) -> list[str]:
        """Return the products on the list that is copied; none where no list is."""
        consumer_id = self.cleaned_data["copied_from"]
        if not consumer_id:
            return []
        if not is_storable(consumer_id):
            raise ValidationError("There is no such consumer.")
        try:
            listed = personalized_list_of(
                account_id=self.account.pk, backend_id=self.promotion.backend_id, consumer_id=consumer_id
            )
        except Refused as refused:
            raise ValidationError(refused.detail) from refused
        if not listed.products:
            raise ValidationError(f"{consumer_id} has no list of {self.promotion.name}.")
        return [*listed.products]

    def clean(self) -> JsonObject:
        cleaned: JsonObject = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        if bool(cleaned["products"]) == bool(cleaned["copied_from"]):
            self.add_error("products", "Choose products, or a consumer whose list is copied.")
            return cleaned
        skus = [sku for sku in cleaned["products"] if is_storable(sku)]
        known = set(products_of(account_id=self.account.pk).filter(sku__in=skus).values_list("sku", flat=True))
        if unknown := [sku for sku in cleaned["products"] if sku not in known]:
            self.add_error("products", f"The catalogue has no product {', '.join(unknown[:20])}.")
        return cleaned

    @property
    def group_list(self) -> GroupList:
        """Return the list that members get."""
        return GroupList(
            backend_id=self.promotion.backend_id,
            products=self.cleaned_data["products"] or self.cleaned_data["copied_from"],
            keep_lists=self.cleaned_data["existing"] == "keep",
            keep_locked=self.cleaned_data["existing"] != "replace",
        )


def give_lists_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for the group and the products, and give its members their lists."""
    if not (request.user.has_perm("promotions.view_personalizedpromotion") and request.user.has_perm(CHANGE_LISTS)):
        raise PermissionDenied
    account = account_of(request)
    promotion = personalized_promotions_of(account_id=account.pk).filter(pk=pk).first()
    if promotion is None:
        raise Http404("There is no such personalized promotion.")
    back = f"{reverse('admin:promotions_personalizedlist_changelist')}?promotion__id__exact={promotion.pk}"
    form = GroupListForm(account, promotion, data=request.POST or None)
    if request.method == "POST" and form.is_valid():
        answer = _give(request, promotion, form)
        if answer is not None:
            return answer
    widget: Any = form.fields["products"].widget
    skus = form["products"].value() or ""
    widget.names = product_names(account_id=account.pk, skus=[key for key in skus.splitlines() if is_storable(key)])
    context = {
        **admin.site.each_context(request),
        "title": f"Give lists of {promotion.name} to a group",
        "opts": PersonalizedPromotion._meta,
        "media": form.media,
        "form": form,
        "back": back,
    }
    return TemplateResponse(request, "admin/promotions/personalizedpromotion/give_lists.html", context)


def _give(request: HttpRequest, promotion: PersonalizedPromotion, form: GroupListForm) -> HttpResponse | None:
    """Give the lists, or leave many to a job; None shows the form again with what was refused."""
    group: ConsumerGroup = form.cleaned_data["group"]
    account, page = account_of(request), admin.site.get_model_admin(PersonalizedPromotion)
    pks = group_member_pks(group=group)
    if len(pks) > MAX_INLINE_LISTS:
        job = group_lists_job_create(
            account=account,
            group=group,
            promotion=promotion,
            group_list=form.group_list,
            consumer_pks=pks,
            author=author_of(request),
            at=timezone.now(),
        )
        page.log_change(request, promotion, f"{job.title}, in the background.")
        return redirect_to_job(request, job)
    try:
        assigned = group_lists_give(account_id=account.pk, group_list=form.group_list, consumer_pks=pks)
    except Refused as refused:
        form.add_error("products", refused.detail)
        return None
    message = f"Lists for {group}: {assigned.created:,} new, {assigned.replaced:,} replaced, {assigned.kept:,} kept."
    page.log_change(request, promotion, message)
    messages.success(request, message)
    address = reverse("admin:promotions_personalizedlist_changelist")
    return HttpResponseRedirect(f"{address}?promotion__id__exact={promotion.pk}")
