"""What the tests of consumers share."""

import pytest

from tests.consumers.builders import Shop, make_shop


@pytest.fixture
def shop(db: None) -> Shop:
    return make_shop()
