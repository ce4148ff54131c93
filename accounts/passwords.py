"""What makes a password acceptable: NIST SP 800-63B section 5.1.1.2, so length and guessability, no character classes.

Each refusal says what to change. Django's own validators for common passwords and for likeness to the account's email
and name stand beside these in the settings.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from zxcvbn import zxcvbn

SHORTEST, LONGEST = 12, 128
LEAST_SCORE = 3
"""zxcvbn's scale from 0 to 4: 3 stands for more than 10**8 guesses, for an attacker who knows how people choose."""
EXAMINED = 72
"""Characters that zxcvbn looks at; its cost grows fast, and a longer password is no weaker than its beginning."""


class LengthValidator:
    def validate(self, password: str, user: Any = None) -> None:
        if len(password) < SHORTEST:
            missing = SHORTEST - len(password)
            raise ValidationError(
                f"This password is too short: add at least {missing} more character{'s' * (missing > 1)}.",
                code="password_too_short",
            )
        if len(password) > LONGEST:
            raise ValidationError(
                f"This password is too long: use at most {LONGEST} characters.", code="password_too_long"
            )

    def get_help_text(self) -> str:
        return f"Use {SHORTEST} to {LONGEST} characters; several unrelated words make a good password."


class GuessabilityValidator:
    def validate(self, password: str, user: Any = None) -> None:
        if password.lower().strip() in _well_known().passwords:
            return  # Django's validator has said so: one fault, one sentence
        verdict = zxcvbn(password[:EXAMINED], user_inputs=_words_about(user))
        if verdict["score"] >= LEAST_SCORE:
            return
        feedback = verdict["feedback"]
        reason = feedback["warning"].rstrip(".")
        reason = f" ({reason[0].lower()}{reason[1:]})" if reason else ""
        advice = " ".join(feedback["suggestions"]) or "Add another word or two."
        raise ValidationError(f"This password is easy to guess{reason}. {advice}", code="password_guessable")

    def get_help_text(self) -> str:
        return "Names, dates, keyboard patterns and well-known passwords are guessed first."


@cache
def _well_known() -> CommonPasswordValidator:
    return CommonPasswordValidator()


def _words_about(user: Any) -> list[str]:
    """What a guesser who knows the account tries first."""
    known = f"temps {getattr(user, 'email', '')} {getattr(user, 'name', '')}".lower()
    return [word for word in [*known.split(), *re.split(r"\W+", known)] if word]
