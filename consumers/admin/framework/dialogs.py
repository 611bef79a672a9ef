"""Questions that scripts show as a dialog, and that are pages of their own without them."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from unfold.forms import BaseDialogForm


class RowDialogForm(BaseDialogForm):
    """A question about one row, asked from the row's own page."""

    @property
    def back_url(self) -> str:
        """Where the page without scripts leads back to."""
        return f"../{self.object_id}/change/"


def dialog_again(request: HttpRequest, dialog: Mapping[str, Any], form: forms.Form) -> HttpResponse:
    """The question once more, with what was refused told in its form; ``dialog`` is what its action says of it."""
    context = {"dialog": dialog, "form": form, "form_submit_text": dialog["form_submit_text"]}
    return render(request, "unfold/helpers/dialog.html", context)


def dialog_done(request: HttpRequest, page: str) -> HttpResponse:
    """On to ``page``: with the whole window, also where a script sent the dialog."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": page})
    return HttpResponseRedirect(page)


def dialog_done_here(request: HttpRequest, page: str) -> HttpResponse:
    """The page below the dialog anew; ``page`` is its address, for browsers without scripts."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Refresh": "true"})
    return HttpResponseRedirect(page)
