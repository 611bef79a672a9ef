"""The switch between the accounts that a member of staff may work in."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from consumers.access import SESSION_ACCOUNT
from consumers.admin.framework.pages import staff_user
from consumers.selectors import accounts_of_staff


@require_POST
def account_switch(request: HttpRequest) -> HttpResponse:
    """Work in the account whose code was posted as ``account``; an account of others is a 404."""
    code = request.POST.get("account", "").replace("\x00", "")
    account = get_object_or_404(accounts_of_staff(user=staff_user(request)), code=code)
    request.session[SESSION_ACCOUNT] = account.pk
    messages.success(request, f"You are now working in {account}.")
    return redirect("admin:index")
