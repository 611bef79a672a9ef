"""Say which grants open each page and allow each deed, apart from the code: ``test_roles`` compares them.

A cell lists alternatives separated by ``|``; grants joined by ``+`` are needed together, with what they need in turn.
``*`` needs none. ``see`` without a functionality is that of the page's model.
"""

from collections.abc import Iterable, Iterator

from consumers.functionalities import Action, functionalities
from tests.config.admin.pages import Page

MODELS = {
    "loyalty_loyaltypromotion": "LoyaltyPromotions",
    "promotions_discount": "Discounts",
    "promotions_campaign": "Campaigns",
    "promotions_personalizedpromotion": "PersonalizedPromotions",
    "promotions_personalizedlist": "ConsumersLists",
    "conflicts_conflictsettings": "ConflictManagement",
    "loyalty_offer": "Offers",
    "loyalty_voucher": "Vouchers",
    "loyalty_redemptionmessage": "Vouchers",
    "consumers_consumer": "Consumers",
    "consumers_consumergroup": "Groups",
    "loyalty_transaction": "Consumers",
    "loyalty_ledgerentry": "Consumers",
    "consumers_job": "Imports",
    "promotions_product": "Products",
    "consumers_site": "Sites",
    "consumers_account": "AccountSettings",
    "loyalty_adjustmentlimits": "PointsAdjustments",
    "consumers_role": "Staff",
    "consumers_staffmembership": "Staff",
    "consumers_apikey": "ApiKeys",
}
"""The functionality of each model's pages."""

USUAL = """
changelist                  see                     see
changelist:export_chosen    see                     see+Imports.see
changelist:delete_chosen    see                     delete
add                         add                     add
change                      see                     change
history                     see                     see
delete                      delete                  delete
import                      add+change+Imports.add  add+change+Imports.add
process_import              add+change+Imports.add  add+change+Imports.add
export                      see+Imports.see         see+Imports.see
"""
"""What the pages of a model need to be looked at and to be sent."""

_PROMOTION = """
changelist:stop_chosen      see                     change+Publishing.change
changelist:duplicate_chosen see                     add
change                      see                     change+Publishing.change
summary                     see                     see
preview                     see                     see
publish                     change+Publishing.change  change+Publishing.change
stop                        change+Publishing.change  change+Publishing.change
archive                     change+Publishing.change  change+Publishing.change
bring_back                  change+Publishing.change  change+Publishing.change
duplicate                   add                     add
try_it                      see+ConflictManagement.see  see+ConflictManagement.see
conflicts                   see+ConflictManagement.see  see+ConflictManagement.see
versions                    see                     see
import                      add+change+Imports.add+Publishing.change  add+change+Imports.add+Publishing.change
process_import              add+change+Imports.add+Publishing.change  add+change+Imports.add+Publishing.change
"""

_DISCOUNT_FILE = "add+change+Imports.add+Publishing.change+PersonalizedPromotions.see"

_STOP_MEMBERS = "see+LoyaltyPromotions.change+Publishing.change|see+Discounts.change+Publishing.change"
_COPY_MEMBERS = "see+LoyaltyPromotions.add|see+Discounts.add"

OTHERS = {
    "loyalty_loyaltypromotion": f"""{_PROMOTION}
uplift                      see                     see
""",
    "promotions_discount": f"""{_PROMOTION}
changelist:export_chosen    see  see+Imports.see+PersonalizedPromotions.see
import          {_DISCOUNT_FILE}  {_DISCOUNT_FILE}
process_import  {_DISCOUNT_FILE}  {_DISCOUNT_FILE}
export          see+Imports.see+PersonalizedPromotions.see  see+Imports.see+PersonalizedPromotions.see
""",
    "promotions_campaign": f"""
stop               {_STOP_MEMBERS}  {_STOP_MEMBERS}
stop_members       {_STOP_MEMBERS}  {_STOP_MEMBERS}
duplicate          {_COPY_MEMBERS}  {_COPY_MEMBERS}
duplicate_members  {_COPY_MEMBERS}  {_COPY_MEMBERS}
""",
    "promotions_personalizedpromotion": """
lists           ConsumersLists.see  ConsumersLists.see
give_lists      ConsumersLists.change  ConsumersLists.change
give_lists_to_group  ConsumersLists.change  ConsumersLists.change
""",
    "promotions_personalizedlist": """
import          change+Imports.add  change+Imports.add
process_import  change+Imports.add  change+Imports.add
step            change              change
""",
    "consumers_consumer": """
changelist:add_to_group       see  see+Groups.change
changelist:remove_from_group  see  see+Groups.change
""",
    "consumers_consumergroup": """
add_members     change  change
remove_members  change  change
""",
    "conflicts_conflictsettings": """
example         see     see
""",
    "loyalty_voucher": """
claim           add     add
""",
    "loyalty_redemptionmessage": """
send_again      change  change
cancel          change  change
""",
    "loyalty_ledgerentry": """
adjust          PointsAdjustments.add  PointsAdjustments.add
import          PointsAdjustments.add+Imports.add  PointsAdjustments.add+Imports.add
process_import  PointsAdjustments.add+Imports.add  PointsAdjustments.add+Imports.add
""",
    "consumers_job": """
cancel          see     see
download        see     see
confirm         Sites.add+Sites.change+Imports.add  Sites.add+Sites.change+Imports.add
""",
    "consumers_role": """
changelist:delete_chosen  see  delete+Sites.see
copy            add     add
add             add     add+Sites.see
change          see     change+Sites.see
delete          delete+Sites.see  delete+Sites.see
""",
    "consumers_staffmembership": """
changelist:delete_chosen  see  delete+Sites.see+Products.see
add             add     add+Sites.see+Products.see
change          see     change+Sites.see+Products.see
delete          delete+Sites.see+Products.see  delete+Sites.see+Products.see
password_link   change+Sites.see+Products.see  change+Sites.see+Products.see
""",
    "consumers_apikey": """
revoke          change  change
""",
}
"""What differs from the usual, or is besides it, by model."""

PAGES_OF_NO_MODEL = """
scheduled_work          AccountSettings.change
saved_filters           Sites.see
saved_filter_add        Sites.see
promotion_calendar      LoyaltyPromotions.see|Discounts.see
results_ranking         LoyaltyPromotions.see|Discounts.see
promotion_results       LoyaltyPromotions.see
campaign_results        Campaigns.see+LoyaltyPromotions.see|Campaigns.see+Discounts.see
promotion_conflicts     ConflictManagement.see
promotion_uplift        LoyaltyPromotions.see
programme_uplift        LoyaltyPromotions.see
lost_saving             ConflictManagement.see
try_basket              ConflictManagement.see
try_basket:_keep        ConflictManagement.add
try_basket:_forget      ConflictManagement.delete
rules_vocabulary        LoyaltyPromotions.see|Discounts.see
rules_reading           LoyaltyPromotions.see|Discounts.see
promotions_promotionversion_changelist  LoyaltyPromotions.see|Discounts.see
promotions_promotionversion_change      LoyaltyPromotions.see
promotions_promotionversion_history     LoyaltyPromotions.see
choices_found:group                     Groups.see
choices_found:consumer                  Consumers.see
choices_found:site                      Sites.see
choices_found:product                   Products.see
choices_found:offer                     Offers.see
choices_found:personalized_promotion    PersonalizedPromotions.see
choices_found:site_name                 Sites.see
choices_found:site_number               Sites.see
choices_found:address_line_1            Sites.see
choices_found:town                      Sites.see
choices_found:county                    Sites.see
choices_found:postcode                  Sites.see
choices_found:loyalty_card_type         Consumers.see
choices_found:sku                       Products.see
choices_found:program_brand             Products.see
choices_found:product_brand             Products.see
choices_found:category                  Products.see
choices_found:labels                    Products.see
choices_found:source                    Consumers.see
choices_found:payment_card_type         Consumers.see
autocomplete                            Products.see
app_list                Campaigns.see|Products.see|Discounts.see|LoyaltyPromotions.see|PersonalizedPromotions.see
"""
"""Looking and sending need the same there; all other pages that belong to no model need nothing."""

WHEN_LOOKED_AT = {"try_basket:_keep": "ConflictManagement.see", "try_basket:_forget": "ConflictManagement.see"}
"""Pages that need less to be looked at."""

Alternatives = tuple[frozenset[str], ...]
"""Sets of grants of which each is enough; one that is empty is everybody's."""


def with_needs(grants: Iterable[str]) -> frozenset[str]:
    """Return grants with all that they need."""
    held = set(grants)
    pending = list(held)
    while pending:
        code, _, action = pending.pop().partition(".")
        needed = set(functionalities()[code].needs(Action(action))) - held
        held |= needed
        pending += needed
    return frozenset(held)


def _lines(table: str) -> Iterator[list[str]]:
    return (line.split() for line in table.strip().splitlines() if line.strip())


def _alternatives(cell: str, functionality: str = "") -> Alternatives:
    if cell == "*":
        return (frozenset(),)
    return tuple(
        with_needs(grant if "." in grant else f"{functionality}.{grant}" for grant in each.split("+"))
        for each in cell.split("|")
    )


_OF_NO_MODEL = dict(_lines(PAGES_OF_NO_MODEL))


def needs_of(page: Page) -> tuple[Alternatives, Alternatives]:
    """Return what looking at a page needs, and what sending it needs.

    Raises:
        LookupError: the tables above do not say it.
    """
    model = next((name for name in sorted(MODELS, key=len, reverse=True) if page.name.startswith(f"{name}_")), None)
    if model is None:
        cell = _OF_NO_MODEL.get(page.key, "*")
        return _alternatives(WHEN_LOOKED_AT.get(page.key, cell)), _alternatives(cell)
    rows = {key: cells for key, *cells in (*_lines(USUAL), *_lines(OTHERS.get(model, "")))}
    part = page.key.removeprefix(f"{model}_")
    cells = rows.get(part) or rows.get(part.partition(":")[0])
    if cells is None:
        raise LookupError(f"{page.key}: say in {__name__} which grants it needs")
    look, send = (_alternatives(cell, MODELS[model]) for cell in cells)
    return look, send
