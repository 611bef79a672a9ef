"""Every path the project answers."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from django_prometheus.exports import ExportToDjangoView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from config.errors import unknown_path
from config.health import healthz, readyz
from consumers.admin.switch import account_switch

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/switch-account/", admin.site.admin_view(account_switch), name="account_switch"),
    path("admin/", admin.site.urls),
    path("api/v1/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/v1/", include("loyalty.api.v1.urls")),
    path("api/v1/", include("conflicts.api.v1.urls")),
    path("api/v1/", include("promotions.api.v1.urls")),
    path("api/v1/", include("consumers.api.v1.urls")),
    re_path(r"^api/", unknown_path),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", ExportToDjangoView, name="metrics"),
]

handler400 = "config.errors.bad_request"
handler404 = "config.errors.page_not_found"
handler500 = "config.errors.server_error"
