"""Confirmation dialogs, which are pages of their own without JavaScript."""

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from unfold.forms import BaseDialogForm

from consumers.types import JsonMapping


class RowDialogForm(BaseDialogForm):
    """The form of a dialog about a row, opened from the row's page."""

    @property
    def back_url(self) -> str:
        """Return the address that the page without JavaScript leads back to."""
        return f"../{self.object_id}/change/"


def dialog_with_errors(request: HttpRequest, dialog: JsonMapping, form: forms.Form) -> HttpResponse:
    """Render the dialog again with the form's errors; ``dialog`` are the options of its action."""
    context = {"dialog": dialog, "form": form, "form_submit_text": dialog["form_submit_text"]}
    return render(request, "unfold/helpers/dialog.html", context)


def dialog_redirect(request: HttpRequest, page: str) -> HttpResponse:
    """Redirect the whole window to ``page``, also when a script sent the dialog."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": page})
    return HttpResponseRedirect(page)


def dialog_refresh(request: HttpRequest, page: str) -> HttpResponse:
    """Reload the page below the dialog; ``page`` is its address for browsers without JavaScript."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Refresh": "true"})
    return HttpResponseRedirect(page)
