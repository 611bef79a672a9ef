"""The table of functionalities that an account makes its roles of.

A functionality is one entry: its pages check the permissions that it names, and the role's page, the four roles that
every account has, ``docs/permissions.md`` and the tests follow. It is entered with its chapter, so that nobody is
offered what is not there.
"""

from collections.abc import Mapping

from consumers.choices import StaffRole
from consumers.functionalities import Action, Capability, Chapter, Functionality
from loyalty.selectors.points import template_allowance

SEE, ADD, CHANGE, DELETE = Action

ALL = "see add change delete"


def can(label: str, permissions: str) -> Capability:
    """Return a capability; permissions are separated by spaces."""
    return Capability(label=label, permissions=frozenset(permissions.split()))


def rows(app_label: str, model: str, noun: str) -> dict[Action, Capability]:
    """Return the capabilities on the rows of a model."""
    return {
        SEE: can(f"See {noun}", f"{app_label}.view_{model}"),
        ADD: can(f"Add {noun}", f"{app_label}.add_{model}"),
        CHANGE: can(f"Change {noun}", f"{app_label}.change_{model}"),
        DELETE: can(f"Delete {noun}", f"{app_label}.delete_{model}"),
    }


def promotion_rows(app_label: str, model: str, noun: str) -> dict[Action, Capability]:
    """Return the capabilities on a family of promotions; whoever sees one sees the calendar and the versions of it."""
    seen = f"{app_label}.view_{model} promotions.view_promotion promotions.view_promotionversion"
    return {
        **rows(app_label, model, noun),
        SEE: can(f"See {noun}, their calendar and their versions", seen),
        ADD: can(f"Add drafts of {noun}, and duplicate", f"{app_label}.add_{model}"),
        CHANGE: can(f"Change drafts of {noun}", f"{app_label}.change_{model}"),
        DELETE: can(f"Delete drafts of {noun}", f"{app_label}.delete_{model}"),
    }


def roles(
    *, administrator: str, marketer: str = "", customer_service: str = "", viewer: str = ""
) -> Mapping[StaffRole, str]:
    """Return the actions of the four roles that every account has."""
    return {
        StaffRole.ADMINISTRATOR: administrator,
        StaffRole.MARKETER: marketer,
        StaffRole.CUSTOMER_SERVICE: customer_service,
        StaffRole.VIEWER: viewer,
    }


FUNCTIONALITIES: tuple[Functionality, ...] = (
    Functionality(
        code="LoyaltyPromotions",
        label="Loyalty promotions",
        note="With their calendar and versions. Without Publishing, drafts only.",
        chapter=Chapter.PROMOTIONS,
        actions=promotion_rows("loyalty", "loyaltypromotion", "loyalty promotions"),
        templates=roles(administrator=ALL, marketer=ALL, customer_service="see", viewer="see"),
    ),
    Functionality(
        code="Discounts",
        label="Discounts",
        note="With their calendar and versions. Without Publishing, drafts only.",
        chapter=Chapter.PROMOTIONS,
        actions=promotion_rows("promotions", "discount", "discounts"),
        templates=roles(administrator=ALL, marketer=ALL, customer_service="see", viewer="see"),
    ),
    Functionality(
        code="Publishing",
        label="Publishing",
        note="Publish, stop and archive promotions, and change published ones.",
        chapter=Chapter.PROMOTIONS,
        actions={
            CHANGE: can(
                "Publish, stop and archive promotions, and change published ones", "promotions.publish_promotion"
            )
        },
        templates=roles(administrator="change", marketer="change"),
    ),
    Functionality(
        code="Campaigns",
        label="Campaigns",
        note="Their members are named to those who may see them. Stopping members needs Publishing.",
        chapter=Chapter.PROMOTIONS,
        actions=rows("promotions", "campaign", "campaigns"),
        templates=roles(administrator=ALL, marketer=ALL, customer_service="see", viewer="see"),
    ),
    Functionality(
        code="PersonalizedPromotions",
        label="Personalized promotions",
        chapter=Chapter.PROMOTIONS,
        actions=rows("promotions", "personalizedpromotion", "personalized promotions"),
        templates=roles(administrator=ALL, marketer=ALL, customer_service="see", viewer="see"),
    ),
    Functionality(
        code="ConsumersLists",
        label="Consumers’ lists",
        note="Change: the products on a list, and the choice for a consumer.",
        chapter=Chapter.PROMOTIONS,
        actions={
            SEE: can("See the products on each consumer’s list", "promotions.view_personalized_list"),
            CHANGE: can("Change lists, and choose for a consumer", "promotions.change_personalized_list"),
        },
        requires=("PersonalizedPromotions.see",),
        templates=roles(administrator="see change", marketer="see change", customer_service="see change", viewer="see"),
    ),
    Functionality(
        code="ConflictManagement",
        label="Conflict management",
        note="Settings, conflicts and Try a basket, with promotions of every kind. Add and delete: saved baskets.",
        chapter=Chapter.PROMOTIONS,
        actions={
            SEE: can(
                "See the settings and conflicts, and try a basket: they name promotions of every kind",
                "conflicts.view_conflictsettings loyalty.view_triedbasket",
            ),
            ADD: can("Save baskets to try again", "loyalty.add_triedbasket"),
            CHANGE: can("Change the settings", "conflicts.add_conflictsettings conflicts.change_conflictsettings"),
            DELETE: can("Delete saved baskets", "loyalty.delete_triedbasket"),
        },
        templates=roles(administrator=ALL, marketer=ALL, customer_service="see add delete", viewer="see"),
    ),
    Functionality(
        code="Offers",
        label="Offers",
        chapter=Chapter.REWARDS,
        actions=rows("loyalty", "offer", "offers"),
        templates=roles(administrator=ALL, marketer=ALL, customer_service="see", viewer="see"),
    ),
    Functionality(
        code="Vouchers",
        label="Vouchers and messages",
        note="Add: claim a reward for a consumer. Change: send a message again, or cancel it.",
        chapter=Chapter.REWARDS,
        actions={
            SEE: can("See vouchers and redemption messages", "loyalty.view_voucher loyalty.view_redemptionmessage"),
            ADD: can("Claim a reward for a consumer", "loyalty.add_voucher"),
            CHANGE: can("Send a message again, or cancel it", "loyalty.change_redemptionmessage"),
        },
        templates=roles(
            administrator="see add change", marketer="see", customer_service="see add change", viewer="see"
        ),
    ),
    Functionality(
        code="Consumers",
        label="Consumers",
        note="With their cards, transactions and points.",
        chapter=Chapter.CONSUMERS,
        actions={
            SEE: can(
                "See consumers, their transactions and their points",
                "consumers.view_consumer consumers.view_membership consumers.view_card loyalty.view_transaction"
                " loyalty.view_appliedpromotion loyalty.view_ledgerentry loyalty.view_promotionusage",
            ),
            ADD: can("Add consumers", "consumers.add_consumer consumers.add_membership consumers.add_card"),
            CHANGE: can(
                "Change consumers and their cards",
                "consumers.change_consumer consumers.change_membership consumers.change_card",
            ),
            DELETE: can(
                "Delete consumers", "consumers.delete_consumer consumers.delete_membership consumers.delete_card"
            ),
        },
        templates=roles(administrator=ALL, marketer="see add change", customer_service="see add change", viewer="see"),
    ),
    Functionality(
        code="Groups",
        label="Groups",
        chapter=Chapter.CONSUMERS,
        actions=rows("consumers", "consumergroup", "groups"),
        templates=roles(administrator=ALL, marketer=ALL, customer_service="see", viewer="see"),
    ),
    Functionality(
        code="PointsAdjustments",
        label="Points adjustments",
        note="Add: give points, or take them away. Change: the limits of the templates.",
        chapter=Chapter.CONSUMERS,
        actions={
            SEE: can("See how many points each role may adjust", "loyalty.view_adjustmentlimits"),
            ADD: can("Add points, and take points away", "loyalty.add_ledgerentry"),
            CHANGE: can("Change how many points each role may adjust", "loyalty.change_adjustmentlimits"),
        },
        requires=("Consumers.see",),
        templates=roles(administrator="see add change", customer_service="see add"),
        allowance=template_allowance,
    ),
    Functionality(
        code="Products",
        label="Products",
        chapter=Chapter.SHOP,
        actions=rows("promotions", "product", "products"),
        templates=roles(administrator=ALL, marketer=ALL, customer_service="see", viewer="see"),
    ),
    Functionality(
        code="Sites",
        label="Sites",
        chapter=Chapter.SHOP,
        actions=rows("consumers", "site", "sites"),
        templates=roles(administrator=ALL, marketer="see", customer_service="see", viewer="see"),
    ),
    Functionality(
        code="Imports",
        label="Imports and exports",
        note="See: exports, and their own jobs. Add: imports into what they may change. Change: everybody’s jobs.",
        chapter=Chapter.SETTINGS,
        actions={
            SEE: can("Export lists, and see and cancel their own jobs", "consumers.view_job consumers.change_job"),
            ADD: can("Import files into what they may add and change", "consumers.add_job"),
            CHANGE: can("See and cancel everybody’s jobs", "consumers.view_job_of_others"),
        },
        templates=roles(administrator="see add change", marketer="see add", customer_service="see add", viewer="see"),
        over_rest=False,
    ),
    Functionality(
        code="AccountSettings",
        label="Account settings",
        note="Change: also shows scheduled work and server time.",
        chapter=Chapter.SETTINGS,
        actions={
            SEE: can("See the account’s settings", "consumers.view_account"),
            CHANGE: can(
                "Change the settings, and see scheduled work and server time",
                "consumers.change_account consumers.view_scheduledtask",
            ),
        },
        templates=roles(administrator="see change", marketer="see", customer_service="see", viewer="see"),
    ),
    Functionality(
        code="Staff",
        label="Staff and roles",
        note="With links for new passwords.",
        chapter=Chapter.SETTINGS,
        actions={
            SEE: can("See staff and roles", "consumers.view_staffmembership consumers.view_role"),
            ADD: can("Add staff, and make roles", "consumers.add_staffmembership consumers.add_role"),
            CHANGE: can(
                "Give staff another role, make links for new passwords, and change roles",
                "consumers.change_staffmembership consumers.change_role",
            ),
            DELETE: can("Remove staff, and delete roles", "consumers.delete_staffmembership consumers.delete_role"),
        },
        templates=roles(administrator=ALL),
        over_rest=False,
    ),
    Functionality(
        code="ApiKeys",
        label="API keys",
        note="Add: keys for managers only if you may do everything that they can. Change: revoke.",
        chapter=Chapter.SETTINGS,
        actions={
            SEE: can("See API keys", "consumers.view_apikey"),
            ADD: can("Create keys for tills; keys for managers only with all that they can do", "consumers.add_apikey"),
            CHANGE: can("Revoke keys", "consumers.change_apikey"),
        },
        templates=roles(administrator="see add change"),
        over_rest=False,
    ),
)
