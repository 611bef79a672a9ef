"""Pages with which people set a forgotten password: they ask for a link by mail, or an administrator makes one."""

import logging
from collections.abc import Callable
from threading import Thread
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.views import PasswordResetConfirmView
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import FormView, TemplateView
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from consumers.log_in import browser_remember, client_address, count_within
from consumers.models import User
from consumers.services.password import HOUR, PasswordLink, password_mails_send, password_tokens
from consumers.types import Context

logger = logging.getLogger(__name__)

MAX_ASKED_BY_AN_ADDRESS = 20
"""Mails that may be asked for from one address in an hour."""


def link_address(request: HttpRequest, link: PasswordLink) -> str:
    """Return the address of the page on which a link's person sets a password."""
    return request.build_absolute_uri(reverse("password_set", args=[link.user_code, link.token]))


def in_background(work: Callable[[], object]) -> None:
    """Do work after the answer: how long a mail takes would tell whether there is somebody to send it to."""

    def run() -> None:
        try:
            work()
        except Exception:
            logger.exception("A mail with a link for a new password was not sent.")
        finally:
            connections.close_all()

    Thread(target=run, daemon=True).start()


class ForgottenForm(forms.Form):
    """Who has forgotten a password."""

    entered = forms.CharField(
        label="User name or e-mail address",
        max_length=254,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "username", "autofocus": True}),
    )


if TYPE_CHECKING:
    PasswordForm = SetPasswordForm[User]
    AskForm = FormView["ForgottenForm"]
else:
    PasswordForm, AskForm = SetPasswordForm, FormView


class NewPasswordForm(PasswordForm):
    """A new password, twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("new_password1", "new_password2"):
            self.fields[name].widget = UnfoldAdminPasswordWidget({"autocomplete": "new-password"})


class OutsidePage:
    """A page that is shown without a log-in, in the admin's look."""

    title = ""
    request: HttpRequest

    def get_context_data(self, **kwargs: Any) -> Context:
        context: Context = super().get_context_data(**kwargs)  # type: ignore[misc]
        return {**admin.site.each_context(self.request), **context, "title": self.title}


@method_decorator(never_cache, name="dispatch")
class Forgotten(OutsidePage, AskForm):
    """Asks who has forgotten a password, and sends them a link."""

    title = "Forgotten password"
    form_class = ForgottenForm
    template_name = "admin/password/forgotten.html"
    success_url = reverse_lazy("password_forgotten_done")

    def get_context_data(self, **kwargs: Any) -> Context:
        return {**super().get_context_data(**kwargs), "can_send": can_send_mail()}

    def form_valid(self, form: ForgottenForm) -> HttpResponse:
        asked = count_within(f"password asked {client_address(self.request)}", seconds=HOUR)
        if asked > MAX_ASKED_BY_AN_ADDRESS:
            form.add_error(None, "Too many requests for a link. Try again in an hour, or ask an administrator.")
            return self.render_to_response(self.get_context_data(form=form), status=429)
        entered, request = form.cleaned_data["entered"], self.request
        if can_send_mail():
            in_background(
                lambda: password_mails_send(entered=entered, address_of=lambda link: link_address(request, link))
            )
        return super().form_valid(form)


class ForgottenDone(OutsidePage, TemplateView):
    """Says the same whether there is such a person or not."""

    title = "Check your e-mail"
    template_name = "admin/password/forgotten_done.html"


class NewPassword(OutsidePage, PasswordResetConfirmView):
    """Lets the person of a link set a password, once."""

    title = "New password"
    form_class = NewPasswordForm
    template_name = "admin/password/set.html"
    success_url = reverse_lazy("password_set_done")
    token_generator = password_tokens

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        # Whoever tried passwords from the same address does not keep them out.
        browser_remember(type(self), self.request, form.user)
        logger.info("User %s set a password by a link.", form.user.pk)
        return response


class NewPasswordDone(OutsidePage, TemplateView):
    """Leads to the log-in."""

    title = "Password set"
    template_name = "admin/password/set_done.html"


def can_send_mail() -> bool:
    """Return whether mail reaches people: EMAIL_URL names more than a terminal."""
    return not settings.EMAIL_BACKEND.endswith((".console.EmailBackend", ".dummy.EmailBackend"))
