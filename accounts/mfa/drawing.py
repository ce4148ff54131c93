"""What the enrolment pages show of a secret, alike at sign-in and under Security."""

from __future__ import annotations

import segno
from django.utils.safestring import mark_safe

from accounts.models import TotpDevice
from accounts.totp import Verdict, manual_key, provisioning_uri


def secret_to_show(device: TotpDevice) -> dict[str, str]:
    """The secret as a QR code, and in groups of four letters to type."""
    key = manual_key(device)
    groups = " ".join(key[start : start + 4] for start in range(0, len(key), 4))
    return {"qr": qr_code(provisioning_uri(device)), "key": groups}


def qr_code(text: str) -> str:
    """``text`` as an inline SVG: no image with the secret has an address of its own."""
    svg = segno.make(text, error="m", micro=False).svg_inline(scale=5, border=4, dark="#000", light="#fff")
    return mark_safe(svg)  # noqa: S308  made of rectangles by segno, and of nothing that the text could add


def refusal(verdict: Verdict, wait: int) -> str:
    if verdict is Verdict.THROTTLED:
        return f"Too soon after a wrong code: wait {wait} second{'s' * (wait != 1)}, then enter the code shown then."
    return "That code is not right, or was used already. Wait for the next one, and check the clock of your device."


def recovery_refusal(verdict: Verdict, wait: int) -> str:
    if verdict is Verdict.THROTTLED:
        return f"Too soon after a wrong code: wait {wait} second{'s' * (wait != 1)}, then try again."
    return "That recovery code is not right, or was used already."
