"""Errors of proving who one is. Their codes are part of the API."""

from __future__ import annotations

from temps.lib.errors import TempsError, Unauthenticated


class WrongCredentials(Unauthenticated):
    """Address or password, which of them is never said."""

    code = "wrong_credentials"


class OtpRequired(Unauthenticated):
    """The password is right and the account has a second factor: its code is needed too."""

    code = "otp_required"


class WrongCode(Unauthenticated):
    code = "wrong_otp"


class EnrolmentRequired(Unauthenticated):
    """The policy asks a second factor of this account and it has none: it can do nothing but enrol."""

    code = "mfa_enrolment_required"


class ConsentRequired(Unauthenticated):
    """There is a text that this person has not agreed to yet."""

    code = "consent_required"


class TooManyAttempts(TempsError):
    """``wait`` is the number of seconds after which another attempt makes sense."""

    code = "too_many_attempts"
    status = 429

    def __init__(self, wait: int) -> None:
        super().__init__(f"too many attempts: try again in {wait} second{'s' * (wait != 1)}")
        self.wait = wait


class TooMuchMail(TooManyAttempts):
    """More messages were asked for than one person may have us send, or one address is to get."""

    def __init__(self, wait: int) -> None:
        super().__init__(wait)
        minutes = -(-wait // 60)
        self.message = f"that is enough mail for now: try again in {minutes} minute{'s' * (minutes != 1)}"


class Busy(TooManyAttempts):
    """More people, or programs, try passwords than can be hashed; it says nothing about this one."""

    code = "busy"
    status = 503

    def __init__(self, wait: int) -> None:
        super().__init__(wait)
        self.message = f"too many people are signing in just now: try again in {wait} second{'s' * (wait != 1)}"
