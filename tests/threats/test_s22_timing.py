"""S22: how long a wrong secret takes tells nothing of the right one."""

import hmac
from collections.abc import Callable

import pytest

from proxy.outbox import keys
from tests.web.conftest import NOW, Shop


@pytest.mark.parametrize("which", ["the first key", "the last key", "no key at all"])
def test_s22_every_key_is_compared_whole_whatever_was_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    made = [keys.make(shop.outbox, next(iter(shop.doors.settings.sites)), NOW)[1] for _ in range(2)]
    told = {"the first key": made[0], "the last key": made[1], "no key at all": "x" * 43}[which]
    compared: list[str | bytes] = []
    real: Callable[[str | bytes, str | bytes], bool] = hmac.compare_digest

    def watched(one: str | bytes, other: str | bytes) -> bool:
        compared.append(one)
        return real(one, other)

    monkeypatch.setattr("proxy.web.api_keys.hmac.compare_digest", watched)
    answer = shop.client.post("/t/open_api/v1.3/event/track/", headers={"Access-Token": told}, json={})
    assert answer.status_code == (401 if which == "no key at all" else 400)
    assert {keys.hashed(key) for key in made} <= set(compared)
