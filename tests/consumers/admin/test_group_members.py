"""The members of a group on its page, and the actions of the consumers' list that change them."""

import re
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from openpyxl import Workbook
from pytest_django import DjangoAssertNumQueries

from consumers.author import Author
from consumers.choices import JobState, StaffRole
from consumers.models import Consumer, ConsumerGroup, Job
from consumers.services import group_members
from consumers.services.consumer import ConsumerValues, consumers_save
from consumers.services.group import GroupValues, groups_save
from consumers.services.group_members import group_members_change, group_members_job_create
from consumers.services.job import jobs_run
from tests.consumers.admin.office import Office, make_office

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def module_office(module_rows: None) -> Office:
    office = make_office()
    groups_save(account_id=office.account.pk, rows=[GroupValues(code="gold", name="Gold"), GroupValues(code="new")])
    add_consumers(office, 3)
    return office


@pytest.fixture
def office(module_office: Office, db: None) -> Office:
    return module_office.for_a_test()


def add_consumers(office: Office, number: int, *groups: str, prefix: str = "c") -> None:
    rows = [
        ConsumerValues(consumer_id=f"{prefix}{n}", first_name="Ada", last_name=f"Person {prefix}{n}", groups=groups)
        for n in range(1, number + 1)
    ]
    consumers_save(account_id=office.account.pk, rows=rows)


def gold(office: Office) -> ConsumerGroup:
    return ConsumerGroup.objects.get(account=office.account, code="gold")


def members(office: Office) -> list[str]:
    return sorted(gold(office).consumers.values_list("consumer_id", flat=True))


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def add(office: Office, **values: Any) -> Any:
    return office.post("consumers_consumergroup_add_members", gold(office).pk, **values)


# --- the page ---------------------------------------------------------------------------------------------------------


def test_a_group_shows_its_members(office: Office) -> None:
    add_consumers(office, 2, "gold", prefix="g")
    page = text_of(office.page("consumers_consumergroup_change", gold(office).pk))
    assert "Person g1" in page
    assert "Person c1" not in page
    assert "Remove selected" in page
    assert "Consumer ID" in page, "as on the consumer's own page"


def test_members_are_paged_and_counted(office: Office) -> None:
    add_consumers(office, 60, "gold", prefix="g")
    page = text_of(office.page("consumers_consumergroup_change", gold(office).pk))
    assert "1–50 of 60" in page
    page = text_of(office.page("consumers_consumergroup_change", gold(office).pk, query="?members=2"))
    assert "51–60 of 60" in page


def test_members_are_searched_among_those_of_the_group(office: Office) -> None:
    add_consumers(office, 2, "gold", prefix="g")
    page = text_of(office.page("consumers_consumergroup_change", gold(office).pk, query="?member=g2"))
    assert "Person g2" in page
    assert "Person g1" not in page
    page = text_of(office.page("consumers_consumergroup_change", gold(office).pk, query="?member=c1"))
    assert "No member matches this search." in page
    page = text_of(office.page("consumers_consumergroup_change", gold(office).pk, query="?member=" + "a+" * 9))
    assert "Search for up to 8 words" in page


@pytest.mark.parametrize("number", [60, 300])
def test_the_page_takes_as_many_statements_however_many_members_there_are(
    office: Office, number: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    add_consumers(office, number, "gold", prefix="g")
    group = gold(office)
    office.page("consumers_consumergroup_change", group.pk)
    with django_assert_num_queries(8):
        office.page("consumers_consumergroup_change", group.pk)


def test_the_list_of_groups_counts_members(office: Office) -> None:
    add_consumers(office, 2, "gold", prefix="g")
    page = text_of(office.page("consumers_consumergroup_changelist"))
    assert ">2</a>" in page
    assert ">0</a>" in page


def test_who_may_only_look_sees_members_and_no_way_to_change_them(office: Office) -> None:
    add_consumers(office, 1, "gold", prefix="g")
    viewer = office.login(StaffRole.VIEWER)
    page = text_of(viewer.page("consumers_consumergroup_change", gold(office).pk))
    assert "Person g1" in page
    assert "Remove selected" not in page
    assert "Add members" not in page


# --- adding -----------------------------------------------------------------------------------------------------------


def test_consumers_are_added_by_their_ids(office: Office) -> None:
    assert add(office, consumers="c1\nc2\n c1 ").status_code == 302
    assert members(office) == ["c1", "c2"]
    page = text_of(office.page("consumers_consumergroup_change", gold(office).pk))
    assert "2 consumers added to Gold." in page
    add(office, consumers="c2\nc3")
    page = text_of(office.page("consumers_consumergroup_change", gold(office).pk))
    assert "1 consumer added to Gold. 1 already in it." in page
    assert "consumers added to Gold" in text_of(office.page("consumers_consumergroup_history", gold(office).pk))


def test_ids_that_nobody_has_are_named_and_nothing_is_changed(office: Office) -> None:
    page = text_of(add(office, consumers="c1\nnobody\nc2"))
    assert "No consumer has the id nobody." in page
    assert "add the other 2 consumers" in page
    assert members(office) == []
    assert add(office, consumers="c1\nnobody\nc2", skip_unknown="on").status_code == 302
    assert members(office) == ["c1", "c2"]


@pytest.mark.parametrize("consumers", ["", "nobody\nsomebody", "a\x00b"])
def test_without_anybody_to_add_nothing_is_changed(office: Office, consumers: str) -> None:
    assert add(office, consumers=consumers, skip_unknown="on").status_code == 200
    assert members(office) == []


def test_ids_of_another_account_are_nobodys(office: Office) -> None:
    other = make_office("other")
    add_consumers(other, 1, prefix="theirs")
    assert "No consumer has the id theirs1." in text_of(add(office, consumers="theirs1"))
    assert other.post("consumers_consumergroup_add_members", gold(office).pk, consumers="theirs1").status_code == 404


CSV = "consumer_id,note\nc1,a\nc3,b\n"


@pytest.mark.parametrize(
    ("name", "content"), [("ids.csv", CSV), ("ids.csv", "c1\nc3\n"), ("ids.csv", "consumer_id\nc1\nc3\n")]
)
def test_consumers_are_added_from_a_file(office: Office, name: str, content: str) -> None:
    assert add(office, file=SimpleUploadedFile(name, content.encode())).status_code == 302
    assert members(office) == ["c1", "c3"]


def test_consumers_are_added_from_a_workbook(office: Office) -> None:
    consumers_save(account_id=office.account.pk, rows=[ConsumerValues(consumer_id="1001")])
    book, content = Workbook(), BytesIO()
    for row in (["consumer_id"], [1001], ["c2"]):
        book.active.append(row)
    book.save(content)
    assert add(office, file=SimpleUploadedFile("ids.xlsx", content.getvalue())).status_code == 302
    assert members(office) == ["1001", "c2"]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("ids.txt", b"c1", "Choose a CSV, XLSX or JSON file."),
        ("ids.csv", b"a,b\n1,2\n", "The file has no column consumer_id."),
        ("ids.xlsx", b"no workbook", ""),
        ("ids.csv", b"consumer_id\nc1\nnobody\n", "No consumer has the id nobody."),
    ],
)
def test_a_file_that_does_not_fit_is_refused(office: Office, name: str, content: bytes, problem: str) -> None:
    answer = add(office, file=SimpleUploadedFile(name, content))
    assert answer.status_code == 200
    assert problem in text_of(answer)
    assert members(office) == []


# --- removing ---------------------------------------------------------------------------------------------------------


def test_chosen_members_are_removed_once_confirmed(office: Office) -> None:
    add_consumers(office, 3, "gold", prefix="g")
    chosen = [
        str(pk) for pk in gold(office).consumers.filter(consumer_id__in=["g1", "g2"]).values_list("pk", flat=True)
    ]
    page = text_of(office.post("consumers_consumergroup_remove_members", gold(office).pk, consumer=chosen))
    assert "Remove 2 consumers from Gold?" in page
    assert members(office) == ["g1", "g2", "g3"]
    office.post("consumers_consumergroup_remove_members", gold(office).pk, consumer=chosen, confirmed="yes")
    assert members(office) == ["g3"]


@pytest.mark.parametrize("keys", [[], ["x"], ["999999"]])
def test_removing_nobody_says_what_to_do(office: Office, keys: list[str]) -> None:
    office.post("consumers_consumergroup_remove_members", gold(office).pk, consumer=keys, confirmed="yes")
    page = text_of(office.page("consumers_consumergroup_change", gold(office).pk))
    assert "Select the members to remove." in page


# --- the consumers' list ----------------------------------------------------------------------------------------------


def act(office: Office, action: str, query: str = "", **values: Any) -> Any:
    some = [str(Consumer.objects.filter(account=office.account).order_by("pk")[0].pk)]
    sent = {"action": action, "_selected_action": some, "index": "0", **values}
    return office.post("consumers_consumer_changelist", query=query, **sent)


def test_an_action_asks_for_the_group_before_it_changes_anything(office: Office) -> None:
    page = text_of(act(office, "add_to_group"))
    assert "Add 1 consumer to a group" in page
    assert members(office) == []
    page = text_of(act(office, "add_to_group", confirmed="yes", group="platinum"))
    assert "There is no group platinum." in page
    act(office, "add_to_group", confirmed="yes", group="gold")
    assert members(office) == ["c1"]
    act(office, "remove_from_group", confirmed="yes", group="gold")
    assert members(office) == []


def test_an_action_on_all_honours_search_and_filters(office: Office) -> None:
    add_consumers(office, 60, prefix="x")
    page = text_of(act(office, "add_to_group", "?q=x", select_across="1"))
    assert "Add 60 consumers to a group" in page
    act(office, "add_to_group", "?q=x", select_across="1", confirmed="yes", group="gold")
    assert len(members(office)) == 60
    assert "c1" not in members(office)


def test_an_action_never_reaches_another_account(office: Office) -> None:
    other = make_office("other")
    add_consumers(other, 1, prefix="theirs")
    theirs = str(Consumer.objects.get(account=other.account).pk)
    act(office, "add_to_group", confirmed="yes", group="gold", _selected_action=[theirs])
    assert members(office) == []


def test_many_consumers_are_changed_by_a_job(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumers.admin.group_members.MAX_INLINE_MEMBERS", 10)
    monkeypatch.setattr(group_members, "BATCH_MEMBERS", 7)
    add_consumers(office, 20, prefix="x")
    answer = act(office, "add_to_group", "?q=x", select_across="1", confirmed="yes", group="gold")
    job = Job.objects.get()
    assert answer["Location"] == f"/admin/consumers/job/{job.pk}/change/"
    assert job.title == "Add 20 consumers to Gold"
    Consumer.objects.get(consumer_id="x5").delete()
    jobs_run(clock=timezone.now, for_at_most=timedelta(minutes=1))
    job.refresh_from_db()
    assert (job.state, job.done, job.total, job.phase) == (JobState.DONE, 20, 20, "added")
    assert len(members(office)) == 19


def test_a_job_whose_group_is_gone_fails_and_says_so(office: Office) -> None:
    pks = list(Consumer.objects.filter(account=office.account).values_list("pk", flat=True))
    group_members_job_create(
        account=office.account,
        group=gold(office),
        consumer_pks=pks,
        is_member=True,
        author=Author(),
        at=timezone.now(),
    )
    gold(office).delete()
    jobs_run(clock=timezone.now, for_at_most=timedelta(minutes=1))
    job = Job.objects.get()
    assert job.state == JobState.FAILED
    assert "There is no group gold." in job.error


def test_a_change_leaves_out_consumers_of_other_accounts(office: Office) -> None:
    other = make_office("other")
    add_consumers(other, 1, prefix="theirs")
    pks = list(Consumer.objects.order_by("pk").values_list("pk", flat=True))
    count = group_members_change(account_id=office.account.pk, code="gold", consumer_pks=pks, is_member=True)
    assert count == 3
    assert members(office) == ["c1", "c2", "c3"]


# --- a new group ------------------------------------------------------------------------------------------------------


def test_a_new_group_needs_a_name_and_can_have_members_at_once(office: Office) -> None:
    answer = office.post("consumers_consumergroup_add", name="Early birds", code="", consumers="c1\nc3")
    assert answer.status_code == 302, text_of(answer)
    group = ConsumerGroup.objects.get(account=office.account, name="Early birds")
    assert group.code == "early-birds"
    assert sorted(group.consumers.values_list("consumer_id", flat=True)) == ["c1", "c3"]
    office.post("consumers_consumergroup_add", name="Early birds", code="", consumers="")
    codes = ConsumerGroup.objects.filter(account=office.account, name="Early birds").values_list("code", flat=True)
    assert sorted(codes) == ["early-birds", "early-birds-2"]


def test_a_new_group_with_an_unknown_member_is_not_saved(office: Office) -> None:
    other = make_office("other")
    add_consumers(other, 1, prefix="theirs")
    answer = office.post("consumers_consumergroup_add", name="Mixed", code="", consumers="c1\ntheirs1\n\x00")
    assert answer.status_code == 200
    assert "theirs1" in text_of(answer)
    assert not ConsumerGroup.objects.filter(name="Mixed").exists()


def test_the_consumers_of_a_group_are_listed_without_comparing_them_all(
    office: Office, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    other = make_office("other")
    groups_save(account_id=other.account.pk, rows=[GroupValues(code="theirs", name="Theirs")])
    add_consumers(office, 2, "gold", "new", prefix="m")
    address = "/admin/consumers/consumer/?groups__id__exact="
    with django_assert_max_num_queries(60) as statements:
        shown = text_of(office.client.get(f"{address}{gold(office).pk}"))
    assert "Person m1" in shown
    assert "Person c1" not in shown
    lists = [query["sql"] for query in statements.captured_queries if 'FROM "consumers_consumer"' in query["sql"]]
    assert lists
    assert not [sql for sql in lists if "DISTINCT" in sql]
    theirs = ConsumerGroup.objects.get(code="theirs").pk
    for value in (theirs, "x", "%00", "99999999999999999999"):
        answer = office.client.get(f"{address}{value}")
        assert answer.status_code == 200
        assert not {"Person m1", "Person c1", "Person theirs1"} & set(re.findall(r"Person \w+", text_of(answer)))
