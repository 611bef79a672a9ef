"""List every page and action of the back office with the roles that may use it, and build its address.

Tests try all of it for every role, look at all of it in a browser, and benchmarks measure all of it: what is not in the
table fails ``test_roles``, so nothing new is forgotten.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from consumers.admin.files.pages import ImportExportMixin
from consumers.admin.framework.pages import AccountAdmin, OnePageAdmin
from consumers.models import Account, Consumer
from promotions.admin.personalized.list_steps import STEPS
from promotions.admin.rules.endpoints import CONSUMER
from promotions.models import PersonalizedList, Promotion

S, A, P, M, C, V = "SAPMCV"
"""A superuser, the four roles of staff, and P: an administrator but for all that is of personalized promotions."""

TABLE = """
page                                                look    send

index                                               SAPMCV  SAPMCV reads
app_list                                            SAPMCV  SAPMCV reads
login                                               SAPMCV  SAPMCV reads
logout                                              -       SAPMCV reads
password_change                                     SAPMCV  SAPMCV
password_change_done                                SAPMCV  -
admin_password_reset                                SAPMCV  SAPMCV reads
password_forgotten_done                             SAPMCV  -
password_set                                        SAPMCV  SAPMCV reads
password_set_done                                   SAPMCV  -
account_switch                                      -       SAPMCV reads
autocomplete                                        SAPMCV  -
jsi18n                                              SAPMCV  -
view_on_site                                        -       -
search                                              SAPMCV  -
saved_filters                                       SAPMCV  SAPMCV reads
saved_filter_add                                    SAPMCV  SAPMCV
scheduled_work                                      SAP     SAP reads

promotion_calendar                                  SAPMCV  SAPMCV reads
promotion_conflicts                                 SAPMCV  SAPMCV reads
results_ranking                                     SAPMCV  SAPMCV reads
promotion_results                                   SAPMCV  SAPMCV reads
campaign_results                                    SAPMCV  SAPMCV reads
promotion_uplift                                    SAPMCV  SAPMCV reads
programme_uplift                                    SAPMCV  SAPMCV reads
lost_saving                                         -       SAPMCV reads
try_basket                                          SAPMCV  SAPMCV reads
try_basket:_keep                                    SAPMCV  SAPMC
try_basket:_forget                                  SAPMCV  SAPMC
rules_vocabulary                                    SAPMCV  -
rules_reading                                       -       SAPMCV reads
choices_found:group                                 SAPMCV  -
choices_found:consumer                              SAPMCV  -
choices_found:site                                  SAPMCV  -
choices_found:product                               SAPMCV  -
choices_found:offer                                 SAPMCV  -
choices_found:personalized_promotion                SA-MCV  -
choices_found:site_name                             SAPMCV  -
choices_found:site_number                           SAPMCV  -
choices_found:address_line_1                        SAPMCV  -
choices_found:town                                  SAPMCV  -
choices_found:county                                SAPMCV  -
choices_found:postcode                              SAPMCV  -
choices_found:loyalty_card_type                     SAPMCV  -
choices_found:sku                                   SAPMCV  -
choices_found:program_brand                         SAPMCV  -
choices_found:product_brand                         SAPMCV  -
choices_found:category                              SAPMCV  -
choices_found:labels                                SAPMCV  -
choices_found:source                                SAPMCV  -
choices_found:payment_card_type                     SAPMCV  -

loyalty_loyaltypromotion_changelist                 SAPMCV  SAPMCV reads
loyalty_loyaltypromotion_changelist:delete_chosen SAPMCV SAPM
loyalty_loyaltypromotion_changelist:export_chosen   SAPMCV  SAPMCV reads
loyalty_loyaltypromotion_changelist:stop_chosen     SAPMCV  SAPM
loyalty_loyaltypromotion_changelist:duplicate_chosen SAPMCV SAPM
loyalty_loyaltypromotion_add                        SAPM    SAPM reads
loyalty_loyaltypromotion_add:fixed_points           SAPM    SAPM
loyalty_loyaltypromotion_add:bonus_points           SAPM    SAPM
loyalty_loyaltypromotion_add:redeem_offer           SAPM    SAPM
loyalty_loyaltypromotion_add:points_multiplier      SAPM    SAPM
loyalty_loyaltypromotion_change                     SAPMCV  SAPM
loyalty_loyaltypromotion_history                    SAPMCV  SAPMCV reads
loyalty_loyaltypromotion_delete                     SAPM    SAPM
loyalty_loyaltypromotion_import                     SAPM    SAPM reads
loyalty_loyaltypromotion_process_import             -       SAPM
loyalty_loyaltypromotion_export                     SAPMCV  SAPMCV reads
loyalty_loyaltypromotion_summary                    -       SAPMCV reads
loyalty_loyaltypromotion_preview                    -       SAPMCV reads
loyalty_loyaltypromotion_stop                       SAPM    SAPM
loyalty_loyaltypromotion_duplicate                  SAPM    SAPM
loyalty_loyaltypromotion_archive                    SAPM    SAPM
loyalty_loyaltypromotion_bring_back                 SAPM    SAPM
loyalty_loyaltypromotion_try_it                     SAPMCV  SAPMCV reads
loyalty_loyaltypromotion_conflicts                  SAPMCV  SAPMCV reads
loyalty_loyaltypromotion_uplift                     SAPMCV  SAPMCV reads
loyalty_loyaltypromotion_versions                   SAPMCV  SAPMCV reads

promotions_discount_changelist                      SAPMCV  SAPMCV reads
promotions_discount_changelist:delete_chosen SAPMCV SAPM
promotions_discount_changelist:export_chosen         SAPMCV  SA-MCV reads
promotions_discount_changelist:stop_chosen          SAPMCV  SAPM
promotions_discount_changelist:duplicate_chosen     SAPMCV  SAPM
promotions_discount_add                             SAPM    SAPM reads
promotions_discount_add:amount                      SAPM    SAPM
promotions_discount_add:percentage                  SAPM    SAPM
promotions_discount_add:fixed_price                 SAPM    SAPM
promotions_discount_add:free_product                SAPM    SAPM
promotions_discount_change                          SAPMCV  SAPM
promotions_discount_history                         SAPMCV  SAPMCV reads
promotions_discount_delete                          SAPM    SAPM
promotions_discount_import                          SA-M    SA-M reads
promotions_discount_process_import                  -       SA-M
promotions_discount_export                          SA-MCV  SA-MCV reads
promotions_discount_summary                         -       SAPMCV reads
promotions_discount_preview                         -       SAPMCV reads
promotions_discount_stop                            SAPM    SAPM
promotions_discount_duplicate                       SAPM    SAPM
promotions_discount_archive                         SAPM    SAPM
promotions_discount_bring_back                      SAPM    SAPM
promotions_discount_try_it                          SAPMCV  SAPMCV reads
promotions_discount_conflicts                       SAPMCV  SAPMCV reads
promotions_discount_versions                        SAPMCV  SAPMCV reads

promotions_campaign_changelist                      SAPMCV  SAPMCV reads
promotions_campaign_changelist:delete_chosen        SAPMCV  SAPM
promotions_campaign_changelist:export_chosen        SAPMCV  SAPMCV reads
promotions_campaign_add                             SAPM    SAPM
promotions_campaign_change                          SAPMCV  SAPM
promotions_campaign_history                         SAPMCV  SAPMCV reads
promotions_campaign_delete                          SAPM    SAPM
promotions_campaign_import                          SAPM    SAPM reads
promotions_campaign_process_import                  -       SAPM
promotions_campaign_export                          SAPMCV  SAPMCV reads
promotions_campaign_stop                            SAPM    SAPM
promotions_campaign_duplicate                       SAPM    SAPM
promotions_campaign_stop_members                    SAPM    SAPM reads
promotions_campaign_duplicate_members               SAPM    SAPM reads

promotions_personalizedpromotion_changelist         SA-MCV  SA-MCV reads
promotions_personalizedpromotion_changelist:delete_chosen SA-MCV SA-M
promotions_personalizedpromotion_changelist:export_chosen SA-MCV  SA-MCV reads
promotions_personalizedpromotion_add                SA-M    SA-M
promotions_personalizedpromotion_change             SA-MCV  SA-M
promotions_personalizedpromotion_history            SA-MCV  SA-MCV reads
promotions_personalizedpromotion_delete             SA-M    SA-M
promotions_personalizedpromotion_import             SA-M    SA-M reads
promotions_personalizedpromotion_process_import     -       SA-M
promotions_personalizedpromotion_export             SA-MCV  SA-MCV reads
promotions_personalizedpromotion_lists              SA-MCV  SA-MCV reads
promotions_personalizedpromotion_give_lists         SA-MC   SA-MC
promotions_personalizedpromotion_give_lists_to_group SA-MC  SA-MC reads
promotions_personalizedlist_changelist              SA-MCV  SA-MCV reads
promotions_personalizedlist_changelist:export_chosen SA-MCV  SA-MCV reads
promotions_personalizedlist_add                     -       -
promotions_personalizedlist_change                  SA-MCV  -
promotions_personalizedlist_history                 SA-MCV  SA-MCV reads
promotions_personalizedlist_delete                  -       -
promotions_personalizedlist_import                  SA-MC   SA-MC reads
promotions_personalizedlist_process_import          -       SA-MC
promotions_personalizedlist_export                  SA-MCV  SA-MCV reads
promotions_personalizedlist_step:choose             SA-MC   SA-MC
promotions_personalizedlist_step:add                SA-MC   SA-MC
promotions_personalizedlist_step:remove             SA-MC   SA-MC
promotions_personalizedlist_step:replace            SA-MC   SA-MC
promotions_personalizedlist_step:reset              SA-MC   SA-MC
promotions_personalizedlist_step:give               SA-MC   SA-MC

conflicts_conflictsettings_changelist               SAPMCV  SAPMCV reads
conflicts_conflictsettings_add                      -       -
conflicts_conflictsettings_change                   SAPMCV  SAPM
conflicts_conflictsettings_history                  SAPMCV  SAPMCV reads
conflicts_conflictsettings_delete                   -       -
conflicts_conflictsettings_example                  -       SAPMCV reads

promotions_promotionversion_changelist              SAPMCV  SAPMCV reads
promotions_promotionversion_add                     -       -
promotions_promotionversion_change                  SAPMCV  -
promotions_promotionversion_history                 SAPMCV  SAPMCV reads
promotions_promotionversion_delete                  -       -

loyalty_offer_changelist                            SAPMCV  SAPMCV reads
loyalty_offer_changelist:delete_chosen SAPMCV SAPM
loyalty_offer_add                                   SAPM    SAPM
loyalty_offer_change                                SAPMCV  SAPM
loyalty_offer_history                               SAPMCV  SAPMCV reads
loyalty_offer_delete                                SAPM    SAPM
loyalty_offer_import                                SAPM    SAPM reads
loyalty_offer_process_import                        -       SAPM
loyalty_offer_export                                SAPMCV  SAPMCV reads
loyalty_offer_changelist:export_chosen              SAPMCV  SAPMCV reads
loyalty_voucher_changelist                          SAPMCV  SAPMCV reads
loyalty_voucher_add                                 -       -
loyalty_voucher_change                              SAPMCV  -
loyalty_voucher_history                             SAPMCV  SAPMCV reads
loyalty_voucher_delete                              -       -
loyalty_voucher_claim                               SAPC    SAPC

consumers_consumer_changelist                       SAPMCV  SAPMCV reads
consumers_consumer_changelist:delete_chosen SAPMCV SAP
consumers_consumer_changelist:export_chosen         SAPMCV  SAPMCV reads
consumers_consumer_changelist:add_to_group          SAPMCV  SAPM
consumers_consumer_changelist:remove_from_group     SAPMCV  SAPM
consumers_consumer_add                              SAPMC   SAPMC
consumers_consumer_change                           SAPMCV  SAPMC
consumers_consumer_history                          SAPMCV  SAPMCV reads
consumers_consumer_delete                           SAP     SAP
consumers_consumer_import                           SAPMC   SAPMC reads
consumers_consumer_process_import                   -       SAPMC
consumers_consumer_export                           SAPMCV  SAPMCV reads
consumers_consumergroup_changelist                  SAPMCV  SAPMCV reads
consumers_consumergroup_changelist:delete_chosen SAPMCV SAPM
consumers_consumergroup_changelist:export_chosen    SAPMCV  SAPMCV reads
consumers_consumergroup_add                         SAPM    SAPM
consumers_consumergroup_change                      SAPMCV  SAPM
consumers_consumergroup_history                     SAPMCV  SAPMCV reads
consumers_consumergroup_delete                      SAPM    SAPM
consumers_consumergroup_add_members                 SAPM    SAPM
consumers_consumergroup_remove_members              SAPM    SAPM
consumers_consumergroup_import                      SAPM    SAPM reads
consumers_consumergroup_process_import              -       SAPM
consumers_consumergroup_export                      SAPMCV  SAPMCV reads

loyalty_transaction_changelist                      SAPMCV  SAPMCV reads
loyalty_transaction_add                             -       -
loyalty_transaction_change                          SAPMCV  -
loyalty_transaction_history                         SAPMCV  SAPMCV reads
loyalty_transaction_delete                          -       -
loyalty_ledgerentry_changelist                      SAPMCV  SAPMCV reads
loyalty_ledgerentry_add                             -       -
loyalty_ledgerentry_change                          SAPMCV  -
loyalty_ledgerentry_history                         SAPMCV  SAPMCV reads
loyalty_ledgerentry_delete                          -       -
loyalty_ledgerentry_adjust                          SAPC    SAPC
loyalty_ledgerentry_import                          SAPC    SAPC reads
loyalty_ledgerentry_process_import                  -       SAPC
loyalty_ledgerentry_export                          -       -
loyalty_redemptionmessage_changelist                SAPMCV  SAPMCV reads
loyalty_redemptionmessage_add                       -       -
loyalty_redemptionmessage_change                    SAPMCV  -
loyalty_redemptionmessage_history                   SAPMCV  SAPMCV reads
loyalty_redemptionmessage_delete                    -       -
loyalty_redemptionmessage_send_again                SAPC    SAPC
loyalty_redemptionmessage_cancel                    SAPC    SAPC
consumers_job_changelist                            SAPMCV  SAPMCV reads
consumers_job_add                                   -       -
consumers_job_change                                SAPMCV  -
consumers_job_history                               SAPMCV  SAPMCV reads
consumers_job_delete                                -       -
consumers_job_cancel                                SAPMCV  SAPMCV
consumers_job_confirm                                -       SAP
consumers_job_download                              SAPMCV  SAPMCV reads

promotions_product_changelist                       SAPMCV  SAPMCV reads
promotions_product_changelist:delete_chosen SAPMCV SAPM
promotions_product_changelist:export_chosen         SAPMCV  SAPMCV reads
promotions_product_add                              SAPM    SAPM
promotions_product_change                           SAPMCV  SAPM
promotions_product_history                          SAPMCV  SAPMCV reads
promotions_product_delete                           SAPM    SAPM
promotions_product_import                           SAPM    SAPM reads
promotions_product_process_import                   -       SAPM
promotions_product_export                           SAPMCV  SAPMCV reads
consumers_site_changelist                           SAPMCV  SAPMCV reads
consumers_site_changelist:delete_chosen SAPMCV SAP
consumers_site_changelist:export_chosen             SAPMCV  SAPMCV reads
consumers_site_add                                  SAP     SAP
consumers_site_change                               SAPMCV  SAP
consumers_site_history                              SAPMCV  SAPMCV reads
consumers_site_delete                               SAP     SAP
consumers_site_import                               SAP     SAP reads
consumers_site_process_import                       -       SAP
consumers_site_export                               SAPMCV  SAPMCV reads

consumers_account_changelist                        SAPMCV  SAPMCV reads
consumers_account_add                               -       -
consumers_account_change                            SAPMCV  SAP
consumers_account_history                           SAPMCV  SAPMCV reads
consumers_account_delete                            -       -
loyalty_adjustmentlimits_changelist                 SAPC    SAPC reads
loyalty_adjustmentlimits_add                        -       -
loyalty_adjustmentlimits_change                     SAPC    SAP
loyalty_adjustmentlimits_history                    SAPC    SAPC reads
loyalty_adjustmentlimits_delete                     -       -
consumers_role_changelist                           SAP     SAP reads
consumers_role_changelist:delete_chosen SAP SAP
consumers_role_add                                  SAP     SAP
consumers_role_change                               SAP     SAP
consumers_role_history                              SAP     SAP reads
consumers_role_delete                               SAP     SAP
consumers_role_copy                                 SAP     SAP reads
consumers_staffmembership_changelist                SAP     SAP reads
consumers_staffmembership_changelist:delete_chosen SAP SAP
consumers_staffmembership_add                       SAP     SAP
consumers_staffmembership_change                    SAP     SAP
consumers_staffmembership_history                   SAP     SAP reads
consumers_staffmembership_delete                    SAP     SAP
consumers_staffmembership_password_link             SAP     SAP
consumers_apikey_changelist                         SAP     SAP reads
consumers_apikey_add                                SAP     SAP
consumers_apikey_change                             SAP     -
consumers_apikey_history                            SAP     SAP reads
consumers_apikey_delete                             -       -
consumers_apikey_revoke                             SAP     SAP
"""
"""Who may look at a page, and who may send its form.

The part after the colon is an action of the page: a button, a list action, a type, a step or a kind of choice. Sending
the form changes something, unless it only ``reads``. All other roles are refused, and change nothing.
"""


OUTSIDE = ("admin_password_reset", "password_forgotten_done", "password_set", "password_set_done")
"""Pages for people who cannot log in."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A line of the table."""

    name: str
    action: str
    look: frozenset[str]
    send: frozenset[str]
    reads: bool

    @property
    def key(self) -> str:
        """As the table names it."""
        return f"{self.name}:{self.action}" if self.action else self.name

    @property
    def view_name(self) -> str:
        """The name of the URL pattern."""
        return self.name if self.name in _BESIDE_THE_SITE else f"admin:{self.name}"

    @property
    def model_admin(self) -> AccountAdmin | None:
        """The admin of its model; None of pages that belong to no model."""
        return _ADMINS.get(self.name.rpartition("_")[0]) or _ADMINS.get("_".join(self.name.split("_")[:2]))


def _pages() -> Iterator[Page]:
    for line in TABLE.strip().splitlines()[1:]:
        if line.strip():
            key, look, send, *reads = line.split()
            name, _, action = key.partition(":")
            roles = [frozenset(letters.replace("-", "")) for letters in (look, send)]
            yield Page(name=name, action=action, look=roles[0], send=roles[1], reads=bool(reads))


# --- what there is ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Route:
    """A URL pattern below ``/admin/``."""

    path: str
    name: str
    arguments: Mapping[str, Any]


def routes() -> list[Route]:
    """Every URL pattern of the back office."""
    return [route for route in _routes(get_resolver()) if route.path.startswith("admin/")]


def _routes(resolver: URLResolver, before: str = "") -> Iterator[Route]:
    for entry in resolver.url_patterns:
        path = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _routes(entry, path)
        elif isinstance(entry, URLPattern):
            yield Route(path=path, name=entry.name or "", arguments=entry.default_args)


def _names(entry: URLPattern | URLResolver) -> Iterator[str | None]:
    if isinstance(entry, URLResolver):
        for pattern in entry.url_patterns:
            yield from _names(pattern)
    else:
        yield entry.name


_ADMINS: dict[str, Any] = {
    f"{model._meta.app_label}_{model._meta.model_name}": page for model, page in admin.site._registry.items()
}
_OF_THE_SITE = {name for resolver in admin.site.get_urls() for name in _names(resolver)}
_BESIDE_THE_SITE = {route.name for route in routes() if route.name} - _OF_THE_SITE

PAGES: tuple[Page, ...] = tuple(_pages())


def page_actions() -> dict[str, set[str]]:
    """Return the actions of each page besides viewing it and sending its form, as found in the code."""
    actions_by_page: dict[str, set[str]] = {
        "promotions_personalizedlist_step": set(STEPS),
        "choices_found": {
            kind
            for route in routes()
            if route.name == "choices_found"
            for kind in (CONSUMER, *route.arguments["sources"], *route.arguments["texts"])
        },
    }
    for name, page in _ADMINS.items():
        of_files = {"export_chosen"} if isinstance(page, ImportExportMixin) and page.exports else set()
        of_deletion = {"delete_chosen"} if getattr(page, "deletes_rows", False) else set()
        if actions := {*page.actions, *of_files, *of_deletion}:
            actions_by_page[f"{name}_changelist"] = actions
        if hasattr(page, "types"):
            actions_by_page[f"{name}_add"] = set(page.types.values)
    return actions_by_page


# --- how it is reached ------------------------------------------------------------------------------------------------

FITTING: Mapping[str, Mapping[str, Any]] = {
    "loyalty_loyaltypromotion_stop": {"draft": False, "archived": False, "stopped_at": None, "ends_at": None},
    "loyalty_loyaltypromotion_bring_back": {"archived": True},
    "loyalty_loyaltypromotion_delete": {"draft": True},
    "promotions_discount_stop": {"draft": False, "archived": False, "stopped_at": None, "ends_at": None},
    "promotions_discount_bring_back": {"archived": True},
    "promotions_discount_delete": {"draft": True},
    "promotions_personalizedpromotion_delete": {"backend_id__endswith": "spare"},
    "promotions_campaign_delete": {"code__endswith": "spare"},
    "promotions_campaign_stop": {"code__endswith": "-campaign"},
    "promotions_campaign_duplicate": {"code__endswith": "-campaign"},
    "promotions_product_delete": {"sku__endswith": "spare"},
    "loyalty_offer_delete": {"code__endswith": "spare"},
    "loyalty_redemptionmessage_cancel": {"state": "failed"},
    "consumers_consumer_delete": {"consumer_id__endswith": "spare"},
    "consumers_consumergroup_delete": {"code__endswith": "spare"},
    "consumers_site_delete": {"number__endswith": "spare"},
    "consumers_role_change": {"title__startswith": "Spare"},
    "consumers_role_delete": {"title__startswith": "Spare"},
    "consumers_staffmembership_change": {"role__title__startswith": "Stockroom"},
    "consumers_staffmembership_delete": {"role__title__startswith": "Stockroom"},
    "consumers_staffmembership_password_link": {"role__title__startswith": "Stockroom"},
    "consumers_job_cancel": {"state": "waiting"},
    "consumers_job_download": {"state": "done"},
    "consumers_job_confirm": {"state": "asking", "question": "confirm"},
}
"""The row that a page is about, where not every one will do."""


def rows_of(page: Page, account: Account) -> list[Any]:
    """The primary keys of the account's rows that a page can be about, fitting ones first.

    Raises:
        LookupError: it has none.
    """
    model_admin = page.model_admin
    assert isinstance(model_admin, AccountAdmin), page
    if isinstance(model_admin, OnePageAdmin):
        return [account.pk]
    model: type[Model] = model_admin.model
    rows = model._default_manager.filter(**{model_admin.account_path: account}).order_by("pk")
    fitting = list(rows.filter(**FITTING.get(page.name, {})).values_list("pk", flat=True))
    others = [pk for pk in rows.values_list("pk", flat=True) if pk not in fitting]
    if not fitting and not others:
        raise LookupError(f"{account} has no row for {page.name}")
    return [*fitting, *others]


def _list_of(account: Account) -> PersonalizedList:
    lists = PersonalizedList.objects.filter(promotion__account=account, locked=False).order_by("pk")
    personalized_list = lists.exclude(selected=[]).first() or lists.first()
    assert personalized_list is not None
    return personalized_list


FILTERED_LIST = "consumers.site"
"""A list with filters, which the pages of saved filters are about."""


def arguments_of(page: Page, account: Account) -> list[Any]:
    """Return the arguments of the page's URL for an account."""
    match page.name:
        case "password_set":
            return ["MQ", "used"]
        case "app_list":
            return ["promotions"]
        case "saved_filters" | "saved_filter_add":
            return [FILTERED_LIST]
        case "view_on_site":
            return [1, 1]
        case "choices_found":
            return [page.action]
        case "loyalty_voucher_claim" | "loyalty_ledgerentry_adjust":
            consumers = Consumer.objects.filter(account=account).exclude(membership=None)
            return [consumers.order_by("-points_balance", "pk").values_list("pk", flat=True)[0]]
        case "promotions_personalizedlist_step":
            return [page.action, _list_of(account).consumer_id]
        case _ if is_about_a_row(page):
            return [rows_of(page, account)[0]]
        case _:
            return []


def is_about_a_row(page: Page) -> bool:
    """Return whether the page's URL names a row of its model, and nothing else."""
    return any(f"/{part}" in _PATHS[page.name] for part in ("<path:object_id>", "<int:pk>")) and page.name in _ABOUT


_PATHS = {route.name: route.path for route in routes()}
_ABOUT = {page.name for page in PAGES if page.model_admin is not None}


def query_of(page: Page, account: Account) -> str:
    """Return the query string that the page needs to show its content."""
    promotions = Promotion.objects.filter(account=account)
    match page.name:
        case "autocomplete":
            return "?app_label=loyalty&model_name=offer&field_name=product&term="
        case "promotion_uplift":
            with_group = promotions.filter(eligibility__control_group__has_key="group").order_by("pk")
            loyalty = promotions.filter(family="loyalty", draft=False).order_by("pk")
            return f"?promotion={(with_group or loyalty).values_list('pk', flat=True)[0]}"
        case "saved_filter_add":
            return "?q=Site"
        case "promotion_conflicts" | "promotion_results":
            first = promotions.filter(draft=False).order_by("pk").values_list("pk", flat=True)[0]
            return f"?promotion={first}{'&period=all' if page.name == 'promotion_results' else ''}"
        case "campaign_results":
            members = promotions.filter(campaign__isnull=False).order_by("pk")
            return f"?campaign={members.values_list('campaign', flat=True)[0]}&period=all"
        case "promotions_personalizedlist_step" if page.action != "give":
            return f"?promotion={_list_of(account).promotion.backend_id}"
        case "loyalty_loyaltypromotion_add" | "promotions_discount_add" if page.action:
            return f"?type={page.action}"
        case "loyalty_loyaltypromotion_summary" | "loyalty_loyaltypromotion_preview":
            return "?type=fixed_points"
        case "promotions_discount_summary" | "promotions_discount_preview":
            return "?type=percentage"
        case _:
            return ""


def address_of(page: Page, account: Account) -> str:
    """Return the address of the page for an account."""
    return f"{reverse(page.view_name, args=arguments_of(page, account))}{query_of(page, account)}"


def addresses_of(page: Page, account: Account) -> list[str]:
    """Return the addresses of the page for each row of the account that it can show."""
    if not is_about_a_row(page):
        return [address_of(page, account)]
    return [f"{reverse(page.view_name, args=[row])}{query_of(page, account)}" for row in rows_of(page, account)]
