"""Preview what consumers would read of a promotion as its form is filled in."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_POST

from consumers.types import Context, JsonMapping


def content_preview(content: JsonMapping) -> Context:
    """Return what a form's content prints on the receipt, and the images that it shows, for the template."""
    images: Sequence[JsonMapping] = content["images"]
    return {
        "receipt": content["confirmation_message"] or "",
        "images": [image for image in images if (image["url"] or "").startswith("https://")],
    }


class PreviewMixin:
    """Adds to a ``PromotionAdmin`` a preview below the tab Content."""

    tab_templates: ClassVar[dict[str, str]] = {"Content": "admin/promotions/promotion/preview.html"}
    preview_template = "admin/promotions/promotion/preview_answer.html"

    def get_urls(self) -> list[Any]:
        page: Any = self
        preview = path(
            "preview/",
            page.admin_site.admin_view(require_POST(self.preview_view)),
            name=f"{page.opts.app_label}_{page.opts.model_name}_preview",
        )
        urls: list[Any] = [preview, *super().get_urls()]  # type: ignore[misc]
        return urls

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Preview a posted form."""
        page: Any = self
        form = page.posted_form(request)
        form.partial_definition()
        return render(request, self.preview_template, self.preview_context(request, form))

    def preview_context(self, request: HttpRequest, form: Any) -> Context:
        """Return what the template shows of a form after ``form.partial_definition()``."""
        return content_preview(form.content())
