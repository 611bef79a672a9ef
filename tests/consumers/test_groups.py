"""Groups of consumers."""

from consumers.models import ConsumerGroup
from tests.consumers.builders import Shop, errors_of


def test_a_group_has_a_name(shop: Shop) -> None:
    answer = shop.manager.put("groups/vip", {"name": "VIP"})
    assert answer.json() == {"code": "vip", "name": "VIP", "archived": False}


def test_a_group_with_members_cannot_be_deleted(shop: Shop) -> None:
    shop.manager.put("groups/vip", {})
    shop.manager.put("consumers/c", {"groups": ["vip"]})
    answer = shop.manager.delete("groups/vip")
    assert answer.status_code == 409
    assert errors_of(answer) == {("in_use", None)}
    shop.manager.patch("consumers/c", {"groups": []})
    assert shop.manager.delete("groups/vip").status_code == 204
    assert not ConsumerGroup.objects.exists()
