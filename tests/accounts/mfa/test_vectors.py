"""The published test vectors, through the code that sign-in uses."""

from __future__ import annotations

import pytest
from django_otp.oath import hotp

from accounts.models import TotpDevice
from accounts.totp import STEP, code_at
from secrets_vault.sealing import column, seal
from tests.world import World, enrol

pytestmark = pytest.mark.promise("A-04")

SECRET = b"12345678901234567890"
RFC_4226 = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
"""Appendix D, by counter."""
RFC_6238 = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}
"""Appendix B for SHA-1, by second; of its eight digits our codes are the last six."""


@pytest.fixture
def device(world: World) -> TotpDevice:
    app = enrol(world.owner)
    app.secret = seal(SECRET, project_pk=None, context=column("accounts.totpdevice", app.public_id, "secret"))
    return app


def test_the_codes_by_counter_are_those_of_rfc_4226(device: TotpDevice) -> None:
    assert [code_at(device, counter * STEP) for counter in range(10)] == RFC_4226


@pytest.mark.parametrize("second", RFC_6238)
def test_the_codes_by_time_are_those_of_rfc_6238(device: TotpDevice, second: int) -> None:
    assert f"{hotp(SECRET, second // STEP, digits=8):08d}" == RFC_6238[second]
    assert code_at(device, second) == RFC_6238[second][2:]
