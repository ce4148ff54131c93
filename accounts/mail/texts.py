"""The messages to people: one short plain text each, from one base, under a subject that nobody else writes.

What strangers choose (names, what a browser calls itself) stands in none of them: whoever can write into our messages
has our address to deceive with.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from django.conf import settings
from django.template.loader import render_to_string


class Text(StrEnum):
    TEST = "test"
    SIGN_IN_LINK = "sign_in_link"
    RESET_LINK = "reset_link"
    RESET_OFFERED = "reset_offered"
    SIGN_UP_LINK = "sign_up_link"
    HAS_ACCOUNT = "has_account"
    INVITATION = "invitation"
    EMAIL_NEW = "email_new"
    EMAIL_OLD = "email_old"
    EMAIL_CHANGED = "email_changed"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    RECOVERY_CODE_USED = "recovery_code_used"
    LOCKED = "locked"
    ACCOUNT_LINKED = "account_linked"


SUBJECTS: dict[Text, str] = {
    Text.TEST: "A test message from Temps",
    Text.SIGN_IN_LINK: "Your sign-in link",
    Text.RESET_LINK: "Choose a new password",
    Text.RESET_OFFERED: "Choose a new password",
    Text.SIGN_UP_LINK: "Finish signing up",
    Text.HAS_ACCOUNT: "You have an account already",
    Text.INVITATION: "You are invited to Temps",
    Text.EMAIL_NEW: "Confirm your new email address",
    Text.EMAIL_OLD: "Your email address is about to change",
    Text.EMAIL_CHANGED: "Your email address was changed",
    Text.PASSWORD_CHANGED: "Your password was changed",
    Text.FACTOR_ADDED: "A second factor was added to your account",
    Text.FACTOR_REMOVED: "A second factor was removed from your account",
    Text.RECOVERY_CODE_USED: "A recovery code of your account was used",
    Text.LOCKED: "Somebody is guessing your password",
    Text.ACCOUNT_LINKED: "An account elsewhere was linked with yours",
}


def compose(text: Text, context: Mapping[str, object]) -> tuple[str, str]:
    """Subject and body. Values stand on one line each, so that none of them writes paragraphs of its own."""
    plain = {name: _one_line(value) if isinstance(value, str) else value for name, value in context.items()}
    body = render_to_string(f"accounts_mail/{text.value}.txt", {**plain, "console": settings.PUBLIC_URL})
    return SUBJECTS[text], body


def _one_line(value: str) -> str:
    return " ".join("".join(one if one.isprintable() else " " for one in value).split())
