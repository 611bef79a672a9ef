"""Steps that staff take with a consumer's points from the Loyalty tab: a question, which scripts show as a dialog."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from unfold.forms import BaseDialogForm

from consumers.admin.framework.dialogs import dialog_refresh
from consumers.admin.framework.pages import account_of
from consumers.exceptions import Refused
from consumers.models import Consumer
from consumers.selectors import consumers_of


class ConsumerStepForm(BaseDialogForm):
    """A question about a consumer; ``reference`` is of this showing of it, so that sending it twice acts once."""

    reference = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(self, request: HttpRequest, consumer: Consumer, **kwargs: Any) -> None:
        # The page below has fields of the same names.
        super().__init__(request, consumer.pk, auto_id="dialog_%s", **kwargs)
        self.consumer = consumer

    @property
    def title(self) -> str:
        """The question about this consumer."""
        raise NotImplementedError

    @property
    def back_url(self) -> str:
        """Where the page without scripts leads back to."""
        return f"{reverse('admin:consumers_consumer_change', args=[self.consumer.pk])}#loyalty"


def consumer_step(
    request: HttpRequest,
    consumer_pk: int,
    *,
    permission: str,
    form_class: type[ConsumerStepForm],
    take: Callable[[Any], str],
    description: str,
    button: str,
) -> HttpResponse:
    """Ask, and take the step with a form that is valid.

    Args:
        request: of one who has ``permission``.
        consumer_pk: which of the account's consumers.
        permission: what one must have.
        form_class: the question.
        take: does it, given the form, and says what was done.
        description: what stands below the question.
        button: the words on the button.

    Raises:
        PermissionDenied: who asks may not.
        Http404: the account has no such consumer.
    """
    if not request.user.has_perm(permission):
        raise PermissionDenied
    consumer = consumers_of(account_id=account_of(request).pk).filter(pk=consumer_pk).first()
    if consumer is None:
        raise Http404("There is no such consumer.")
    form = form_class(request, consumer, data=request.POST or None)
    if form.is_valid():
        try:
            done = take(form)
        except Refused as refused:
            shown = {field.name for field in form.visible_fields()}
            for problem in refused.problems:
                form.add_error(problem.attr if problem.attr in shown else None, problem.detail)
        else:
            messages.success(request, done)
            return dialog_refresh(request, form.back_url)
    dialog = {"title": form.title, "description": description}
    return render(request, "unfold/helpers/dialog.html", {"dialog": dialog, "form": form, "form_submit_text": button})
