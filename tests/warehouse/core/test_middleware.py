from __future__ import annotations

import pytest


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/admin/login/?next=%00", "/healthz?%00"])
def test_a_nul_in_the_address_is_refused(client, address):
    answer = client.get(address)

    assert answer.status_code == 400
    assert b"NUL" in answer.content
