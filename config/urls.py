"""Every path the project answers."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from config.errors import unknown_path
from config.health import healthz, readyz
from config.metrics import metrics
from config.openapi import SchemaView
from config.scheduled_work import scheduled_work
from config.search import search
from consumers.admin.account_switch import account_switch
from consumers.admin.password import Forgotten, ForgottenDone, NewPassword, NewPasswordDone
from consumers.admin.saved_filters import saved_filter_add_page, saved_filters_page
from loyalty.admin.calendar import calendar
from loyalty.admin.conflicts import conflicts_page, lost_saving_fragment
from loyalty.admin.results.campaign_page import campaign_results
from loyalty.admin.results.promotion_page import promotion_results
from loyalty.admin.results.ranking import results_ranking
from loyalty.admin.try_basket.page import try_basket
from loyalty.admin.uplift import programme_uplift_page, uplift_page
from loyalty.selectors.promotion import LOYALTY_REFERENCE_SOURCES
from loyalty.selectors.rule_values import LOYALTY_TEXT_SOURCES
from promotions.admin.rules.endpoints import choices_found, rules_reading, rules_vocabulary

CHOOSABLE = {"sources": LOYALTY_REFERENCE_SOURCES, "texts": LOYALTY_TEXT_SOURCES}
"""What rules may be compared with: the rows and texts that the packages know of."""

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    # The log-in page links to a page of this name.
    path("admin/password/", Forgotten.as_view(), name="admin_password_reset"),
    path("admin/password/sent/", ForgottenDone.as_view(), name="password_forgotten_done"),
    path("admin/password/set/<uidb64>/<token>/", NewPassword.as_view(), name="password_set"),
    path("admin/password/done/", NewPasswordDone.as_view(), name="password_set_done"),
    path("admin/switch-account/", admin.site.admin_view(account_switch), name="account_switch"),
    path(
        "admin/saved-filters/<str:list_name>/add/",
        admin.site.admin_view(saved_filter_add_page),
        name="saved_filter_add",
    ),
    path("admin/saved-filters/<str:list_name>/", admin.site.admin_view(saved_filters_page), name="saved_filters"),
    path("admin/calendar/", admin.site.admin_view(calendar), name="promotion_calendar"),
    path("admin/conflicts-of/", admin.site.admin_view(conflicts_page), name="promotion_conflicts"),
    path("admin/results/", admin.site.admin_view(results_ranking), name="results_ranking"),
    path("admin/results-of/", admin.site.admin_view(promotion_results), name="promotion_results"),
    path("admin/results-of-campaign/", admin.site.admin_view(campaign_results), name="campaign_results"),
    path("admin/programme-uplift/", admin.site.admin_view(programme_uplift_page), name="programme_uplift"),
    path("admin/uplift/", admin.site.admin_view(uplift_page), name="promotion_uplift"),
    path("admin/lost-saving/", admin.site.admin_view(lost_saving_fragment), name="lost_saving"),
    path("admin/try/", admin.site.admin_view(try_basket), name="try_basket"),
    path("admin/rules/vocabulary/", admin.site.admin_view(rules_vocabulary), CHOOSABLE, name="rules_vocabulary"),
    path("admin/rules/reading/", admin.site.admin_view(rules_reading), name="rules_reading"),
    path("admin/choices/<slug:kind>/", admin.site.admin_view(choices_found), CHOOSABLE, name="choices_found"),
    path("admin/scheduled-work/", admin.site.admin_view(scheduled_work), name="scheduled_work"),
    path("admin/search/", admin.site.admin_view(search), name="search"),
    path("admin/", admin.site.urls),
    path("api/v1/schema", SchemaView.as_view(), name="schema"),
    path("api/v1/docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("api/v1/", include("loyalty.api.v1.urls")),
    path("api/v1/", include("conflicts.api.v1.urls")),
    path("api/v1/", include("promotions.api.v1.urls")),
    path("api/v1/", include("consumers.api.v1.urls")),
    re_path(r"^api/", unknown_path),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]

handler400 = "config.errors.bad_request"
handler404 = "config.errors.page_not_found"
handler500 = "config.errors.server_error"
