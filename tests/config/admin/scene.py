"""Make an account with a row for every page and every action, and a browser session for each role."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from consumers.author import Author
from consumers.choices import JobFile, JobQuestion, JobState, StaffRole
from consumers.models import Account, Consumer, Job, JobPart, User
from consumers.services.consumer import ConsumerValues, consumers_save
from consumers.services.group import GroupValues, groups_save
from consumers.services.site import SiteValues, sites_save
from consumers.services.staff import staff_member_add
from loyalty.models import Offer, RedemptionMessage, TriedBasket
from loyalty.services.points.adjustment import points_adjust
from loyalty.services.till.snapshot import snapshots_forget
from promotions.models import Campaign, PersonalizedList, Promotion
from promotions.services.campaign import CampaignValues, campaigns_save
from promotions.services.personalized.promotion import PersonalizedPromotionValues, personalized_promotions_save
from promotions.services.product import ProductValues, products_save
from tests.config.admin.pages import FITTING, PAGES, A, C, M, P, Page, S, V, address_of
from tests.config.admin.sending import form_values
from tests.consumers.admin.office import fill, make_office, save_discount, save_promotion, sell
from tests.consumers.builders import make_role, take_away

PASSWORD = "blue-lantern-7"
TAKEN_AWAY = ("PersonalizedPromotions", "ConsumersLists")
"""The functionalities that P has not."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """An account, with its staff and their sessions by the letter of their role."""

    account: Account
    users: Mapping[str, User]
    sessions: Mapping[str, str]

    def browser(self, role: str) -> Client:
        """Return a client logged in with a role; anonymous where the role is empty."""
        client = Client(raise_request_exception=False)
        if role:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[role]
        return client

    def visited_by(self, role: str) -> None:
        """Make the visitor the owner of the jobs: most roles may see only their own."""
        snapshots_forget()
        if role:
            Job.objects.filter(account=self.account).update(asked_by=self.users[role])

    def sent(self, page: Page, role: str = S) -> dict[str, Any]:
        """Return what the form of a page sends when filled in with permission; a guess for a page without a form.

        A ``role`` that may import confirms its own preview.
        """
        code = self.account.code
        if not page.send:
            return {"name": "Changed", "post": "yes"}
        if page.name.endswith("_import") and not page.name.endswith("_process_import"):
            return imported(page.name, code)
        reader = self.browser(S)
        address = address_of(page, self.account)
        if page.name.endswith("_process_import"):
            return self.confirmation(page, self.browser(role) if role in page.send else reader)
        sent: dict[str, Any] = {}
        if S in page.look:
            answer = reader.get(address)
            sent = form_values(answer.content.decode()) if answer.status_code == 200 and not answer.streaming else {}
        if "name" in sent and not page.name.startswith("try"):
            sent["name"] = "Changed"
        filled = FILLED.get(page.key)
        return {**sent, **(filled(self.account) if filled else {})}

    def confirmation(self, page: Page, client: Client) -> dict[str, Any]:
        """Preview a file as somebody who may import, and return what the form of the preview sends."""
        address = address_of(page, self.account).replace("/process_import/", "/import/")
        answer = client.post(address, imported(page.name, self.account.code))
        return _without_unset(answer.context["confirm_form"].initial)


Fill = Callable[[Account], dict[str, Any]]


def _without_unset(initial: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in initial.items() if value is not False}


def imported(name: str, code: str) -> dict[str, Any]:
    """Return the form values of an import with a file that suits the page."""
    texts = {
        "consumers_consumer": f"consumer_id,first_name\n{code}-c1,Imported\n",
        "consumers_consumergroup": f"code,name\n{code}-g1,Imported\n",
        "consumers_site": f"number,name\n{code}-001,Imported\n",
        "loyalty_loyaltypromotion": f"code,name\n{code}-fixed-1,Imported\n",
        "promotions_campaign": f"code,name\n{code}-campaign,Imported\n",
        "promotions_discount": f"code,name\n{code}-discount-1,Imported\n",
        "promotions_personalizedpromotion": f"backend_id,name\n{code}-pp1,Imported\n",
        "loyalty_offer": f"code,name,benefit\n{code}-file,Imported,external\n",
        "loyalty_ledgerentry": f"consumer_id,points\n{code}-c1,7\n",
        "promotions_product": f"sku,name\n{code}-p1,Imported\n",
        "promotions_personalizedlist": (
            f'backend_id,consumer_id,products,selected,locked\n{code}-pp1,{code}-c1,"{code}-p1, {code}-spare",,no\n'
        ),
    }
    text = next(text for start, text in texts.items() if name.startswith(f"{start}_"))
    return {"import_file": SimpleUploadedFile("rows.csv", text.encode()), "format": "0", "resource": "0"}


def chosen(account: Account, action: str) -> dict[str, Any]:
    """Return a confirmed action on the running promotions of a list."""
    family = Promotion.objects.filter(account=account, draft=False, archived=False)
    return {
        "action": action,
        "_selected_action": [str(promotion.pk) for promotion in family],
        "confirmed": "yes",
        "reason": "",
    }


def members_chosen(account: Account) -> dict[str, Any]:
    """Return a confirmed step of all members of campaigns."""
    members = Promotion.objects.filter(account=account, campaign__isnull=False)
    return {"_selected_action": [str(member.pk) for member in members], "confirmed": "yes", "reason": ""}


def exported(page: Any) -> Fill:
    """Select the rows of a list for an export."""

    def fill(account: Account) -> dict[str, Any]:
        rows = page.model._default_manager.filter(**{page.account_path: account})
        return {"action": "export_chosen", "_selected_action": [str(row.pk) for row in rows]}

    return fill


def deleted(page: Page) -> Fill:
    """Return a confirmed deletion of the rows of a list that nothing uses."""
    model_admin: Any = page.model_admin
    fitting = FITTING[f"{page.name.removesuffix('_changelist')}_delete"]

    def fill(account: Account) -> dict[str, Any]:
        rows = model_admin.model._default_manager.filter(**{model_admin.account_path: account, **fitting})
        return {
            "action": "delete_chosen",
            "_selected_action": [str(row.pk) for row in rows],
            "confirmed": "yes",
        }

    return fill


def promotion(**values: str) -> Fill:
    """A new promotion, with what its type asks for; {} stands for the account's code."""
    return lambda account: {
        "name": "New",
        "starts_at": "2030-06-01T09:00",
        **{name: value.format(account.code) for name, value in values.items()},
    }


def discount(**values: str) -> Fill:
    """A new discount on a product."""
    product_set = {
        "TOTAL_FORMS": "1",
        "INITIAL_FORMS": "0",
        "0-source": "products",
        "0-products": "{}-p1",
        "0-required_by": "quantity",
        "0-required_quantity": "1",
        "0-gets_discount": "on",
    }
    return promotion(**values, **{f"product_sets-{name}": value for name, value in product_set.items()})


def coded(**values: str) -> Fill:
    """Values in which {} stands for the account's code."""
    return lambda account: {name: value.format(account.code) for name, value in values.items()}


def grouped(action: str, group: str) -> Fill:
    """Select the consumers of the list for a group; {} stands for the account's code."""

    def fill(account: Account) -> dict[str, Any]:
        consumers = Consumer.objects.filter(account=account)
        return {
            "action": action,
            "_selected_action": [str(consumer.pk) for consumer in consumers],
            "group": group.format(account.code),
            "confirmed": "yes",
        }

    return fill


def basket(account: Account) -> dict[str, Any]:
    """Return a basket to try."""
    return {
        "site": f"{account.code}-001",
        "currency": account.currency,
        "lines-TOTAL_FORMS": "1",
        "lines-INITIAL_FORMS": "0",
        "lines-0-sku": f"{account.code}-p1",
        "lines-0-quantity": "2",
        "at": "",
    }


FILLED: Mapping[str, Fill] = {
    "login": lambda _: {"username": "nobody", "password": "nothing"},
    "admin_password_reset": lambda _: {"entered": "nobody"},
    "account_switch": lambda account: {"account": account.code},
    "saved_filter_add": lambda _: {"name": "Kept"},
    "password_change": lambda _: {
        "old_password": PASSWORD,
        "new_password1": "green-lantern-8",
        "new_password2": "green-lantern-8",
    },
    "try_basket": basket,
    "try_basket:_keep": lambda account: {**basket(account), "_keep": "1", "name": "Kept"},
    "try_basket:_forget": lambda account: {"_forget": str(TriedBasket.objects.get(account=account).pk)},
    "rules_reading": lambda _: {"scope": "site", "tree": '{"match": "all", "rules": []}'},
    **{
        f"{page}_changelist:{action}": lambda account, action=action: chosen(account, action)  # type: ignore[misc]
        for page in ("loyalty_loyaltypromotion", "promotions_discount")
        for action in ("stop_chosen", "duplicate_chosen")
    },
    **{page.key: exported(page.model_admin) for page in PAGES if page.action == "export_chosen"},
    **{page.key: coded(format="0", resource="0") for page in PAGES if page.name.endswith("_export")},
    **{page.key: deleted(page) for page in PAGES if page.action == "delete_chosen"},
    "loyalty_ledgerentry_adjust": lambda _: {"direction": "add", "points": "5", "reason": "Sorry"},
    "loyalty_adjustmentlimits_change": lambda _: {"customer_service_at_once": "7"},
    "loyalty_loyaltypromotion_add:fixed_points": promotion(points="5"),
    "loyalty_loyaltypromotion_add:points_multiplier": promotion(multiplier="2"),
    "loyalty_loyaltypromotion_add:bonus_points": promotion(conversion_points="2", conversion_units="1"),
    "loyalty_loyaltypromotion_add:redeem_offer": promotion(offer="{}-o1"),
    "promotions_discount_add:amount": discount(value="1"),
    "promotions_discount_add:percentage": discount(value="10"),
    "promotions_discount_add:fixed_price": discount(value="2"),
    "promotions_discount_add:free_product": discount(),
    "promotions_personalizedlist_step:add": coded(products="{}-spare"),
    "promotions_personalizedlist_step:remove": coded(products="{}-p1"),
    "promotions_personalizedlist_step:replace": coded(products="{}-spare", selected="{}-spare"),
    "promotions_personalizedlist_step:give": coded(promotion="{}-spare", products="{}-spare"),
    "promotions_personalizedpromotion_give_lists": coded(group="{}-g1", products="{}-spare", existing="replace"),
    "loyalty_offer_add": coded(code="new", name="New", value="5"),
    "loyalty_voucher_claim": coded(offer="{}-spare"),
    "consumers_consumer_changelist:add_to_group": grouped("add_to_group", "{}-spare"),
    "consumers_consumer_changelist:remove_from_group": grouped("remove_from_group", "{}-g1"),
    "consumers_consumergroup_add_members": coded(consumers="{}-spare"),
    "consumers_consumergroup_remove_members": lambda account: {
        "consumer": str(Consumer.objects.get(account=account, consumer_id=f"{account.code}-c1").pk),
        "confirmed": "yes",
    },
    "consumers_consumer_add": coded(consumer_id="new", last_name="New"),
    "consumers_consumergroup_add": coded(code="new", name="New"),
    "promotions_campaign_add": coded(code="new", name="New"),
    "promotions_campaign_stop": members_chosen,
    "promotions_campaign_duplicate": members_chosen,
    "promotions_product_add": coded(sku="new", name="New"),
    "promotions_personalizedpromotion_add": coded(backend_id="new", name="New"),
    "consumers_site_add": coded(number="new", name="New"),
    "consumers_staffmembership_add": coded(username="new", password=PASSWORD, staff_role="Stockroom of {}"),
    "consumers_staffmembership_change": coded(staff_role="Spare role of {}"),
    "consumers_role_add": coded(title="New", grants="Sites.see"),
    "consumers_role_change": coded(title="Changed"),
}
"""By page key: the values that are filled in over those in the form."""


def belongings(account: Account) -> set[str]:
    """Return every row of every table that belongs to an account, as text."""
    rows_found = set()
    for model in apps.get_models():
        path = _path_to_account(model)
        if path is not None:
            label = model._meta.label
            rows_found |= {f"{label} {row}" for row in model._default_manager.filter(**{path: account.pk}).values()}
    return rows_found


@cache
def _path_to_account(model: type[Model]) -> str | None:
    """Return the shortest lookup path from a model to its account; None where there is none."""
    if model is Account:
        return "pk"
    paths = deque([(model, "")])
    visited = {model}
    while paths:
        at, path = paths.popleft()
        for field in at._meta.concrete_fields:
            related = field.related_model
            if isinstance(related, type) and related not in visited:
                path_to_related = f"{path}__{field.name}" if path else field.name
                if related is Account:
                    return path_to_related
                visited.add(related)
                paths.append((related, path_to_related))
    return None


def make_scene(code: str = "ostrich") -> Scene:
    """Make an account that has every kind of row, with a member of staff in every role."""
    office = make_office(code)
    account = office.account
    fill(account)
    _spare(account)
    _states(account, office.user)
    _campaigns(account)
    users = {A: office.user}
    for letter, role in ((M, StaffRole.MARKETER), (C, StaffRole.CUSTOMER_SERVICE), (V, StaffRole.VIEWER)):
        users[letter] = _member(account, role, role.name.lower())
    users[P] = _member(account, StaffRole.ADMINISTRATOR, "without")
    take_away(users[P].staff_memberships.get(), *TAKEN_AWAY)
    _roles(account)
    office.user.set_password(PASSWORD)
    office.user.save()
    users[S] = User.objects.create_superuser(f"root-{code}", password=PASSWORD)
    sessions = {}
    for letter, user in users.items():
        client = Client()
        client.force_login(user, backend="consumers.access.MembershipBackend")
        if letter == S:
            client.post("/admin/switch-account/", {"account": code})
        sessions[letter] = client.cookies[settings.SESSION_COOKIE_NAME].value
    return Scene(account=account, users=users, sessions=sessions)


def _member(account: Account, role: str, name: str) -> User:
    username = f"{name}-{account.code}"
    return staff_member_add(account_id=account.pk, username=username, role=role, password=PASSWORD).user


def _roles(account: Account) -> None:
    """Add a role of the account's own, with a member, and one that nobody has."""
    role = make_role(account, "Sites.see", "Products.see", title=f"Stockroom of {account.code}")
    make_role(account, "Sites.see", title=f"Spare role of {account.code}")
    _member(account, role.title, "stock")


def _spare(account: Account) -> None:
    """Add rows that no other row refers to, so that they can be deleted."""
    code = account.code
    sites_save(account_id=account.pk, rows=[SiteValues(number=f"{code}-spare", name=f"Spare site of {code}")])
    groups_save(account_id=account.pk, rows=[GroupValues(code=f"{code}-spare", name=f"Spare group of {code}")])
    products_save(account_id=account.pk, rows=[ProductValues(sku=f"{code}-spare", name=f"Spare product of {code}")])
    consumers_save(account_id=account.pk, rows=[ConsumerValues(consumer_id=f"{code}-spare", last_name=f"Spare {code}")])
    personalized_promotions_save(
        account_id=account.pk,
        author=Author(),
        rows=[
            PersonalizedPromotionValues(backend_id=f"{code}-{name}", name=f"Another pick of {code}")
            for name in ("spare", "pp2")
        ],
        at=timezone.now(),
    )
    Offer.objects.create(
        account=account,
        code=f"{code}-spare",
        name=f"Reward of {code}",
        currency=account.currency,
        kind="tiered",
        point_cost=10,
        benefit="external",
    )


def _campaigns(account: Account) -> None:
    """Add a campaign that all promotions and discounts that are live belong to, and one without members."""
    code, at = account.code, timezone.now()
    rows = [CampaignValues(code=f"{code}-{name}", name=f"{name} of {code}") for name in ("campaign", "spare")]
    campaigns_save(account_id=account.pk, rows=rows, author=Author(), at=at)
    campaign = Campaign.objects.get(account=account, code=f"{code}-campaign")
    Promotion.objects.filter(account=account, draft=False, archived=False).update(campaign=campaign)


def _states(account: Account, user: User) -> None:
    """Add rows in every state that an action needs."""
    code = account.code
    save_promotion(account, code=f"{code}-draft", name=f"Draft of {code}", draft=True)
    save_promotion(account, code=f"{code}-archived", name=f"Archived of {code}", archived=True)
    save_discount(account, code=f"{code}-draft", name=f"Draft discount of {code}", draft=True)
    save_discount(account, code=f"{code}-archived", name=f"Archived discount of {code}", archived=True)
    yesterday = timezone.now() - timedelta(days=1)
    for quantity in (1, 2):
        # Saved twice, so that its history tells of a change.
        save_discount(
            account,
            code=f"{code}-personal",
            name=f"Personal discount of {code}",
            starts_at=yesterday,
            product_sets=[{"personalized_promotion": f"{code}-pp{quantity}", "required_quantity": quantity}],
        )
    consumer = Consumer.objects.get(account=account, consumer_id=f"{code}-c1")
    points_adjust(
        account=account,
        consumer_id=consumer.consumer_id,
        reference="opening",
        points=500,
        description="",
        at=timezone.now(),
    )
    PersonalizedList.objects.filter(promotion__account=account).update(selected=[f"{code}-p1"])
    sell(account, reference=f"{code}-T-again", consumer=f"{code}-c1")
    RedemptionMessage.objects.filter(account=account).update(state="failed")
    done = Job.objects.create(
        account=account,
        kind="export",
        title=f"Export of {code}",
        parameters={},
        asked_by=user,
        asked_at=timezone.now(),
        state=JobState.DONE,
        result_name="rows.csv",
    )
    JobPart.objects.create(job=done, file=JobFile.RESULT, position=0, content=f"number\n{code}-001\n".encode())
    Job.objects.create(
        account=account,
        kind="import",
        title=f"Import of {code} that asks",
        parameters={"model": "consumers.site", "resource": "SiteResource", "format": "csv"},
        state=JobState.ASKING,
        question=JobQuestion.CONFIRM,
        asked_at=timezone.now(),
    )
    TriedBasket.objects.create(
        account=account, name=f"Basket of {code}", basket={}, created_at=timezone.now(), created_by=user
    )
