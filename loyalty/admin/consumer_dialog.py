"""Dialogs on a consumer's Loyalty tab, in which staff adjust points or claim a reward; a page without scripts."""

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


class ConsumerDialogForm(BaseDialogForm):
    """A form about a consumer. Each time it is shown it has a new ``reference``, so that posting it twice acts once."""

    reference = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(self, request: HttpRequest, consumer: Consumer, **kwargs: Any) -> None:
        # The page behind the dialog has fields of the same names.
        super().__init__(request, consumer.pk, auto_id="dialog_%s", **kwargs)
        self.consumer = consumer

    @property
    def title(self) -> str:
        """The heading of the dialog."""
        raise NotImplementedError

    @property
    def back_url(self) -> str:
        """The URL that the page without scripts leads back to."""
        return f"{reverse('admin:consumers_consumer_change', args=[self.consumer.pk])}#loyalty"


def consumer_dialog(
    request: HttpRequest,
    consumer_pk: int,
    *,
    permission: str,
    form_class: type[ConsumerDialogForm],
    run: Callable[[Any], str],
    description: str,
    button: str,
) -> HttpResponse:
    """Show the form, and run the operation once it is valid.

    Args:
        request: of a user who must have ``permission``.
        consumer_pk: of one of the account's consumers.
        permission: to run the operation.
        form_class: the form.
        run: the operation; takes the form and returns the message of success.
        description: the text below the heading.
        button: the text of the button.

    Raises:
        PermissionDenied: the user lacks the permission.
        Http404: the account has no such consumer.
    """
    if not request.user.has_perm(permission):
        raise PermissionDenied
    consumer = consumers_of(account_id=account_of(request).pk).filter(pk=consumer_pk).first()
    if consumer is None:
        raise Http404("This consumer does not exist.")
    form = form_class(request, consumer, data=request.POST or None)
    if form.is_valid():
        try:
            message = run(form)
        except Refused as refused:
            visible = {field.name for field in form.visible_fields()}
            for problem in refused.problems:
                form.add_error(problem.attr if problem.attr in visible else None, problem.detail)
        else:
            messages.success(request, message)
            return dialog_refresh(request, form.back_url)
    dialog = {"title": form.title, "description": description}
    return render(request, "unfold/helpers/dialog.html", {"dialog": dialog, "form": form, "form_submit_text": button})
