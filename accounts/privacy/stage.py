"""The last stage of a sign-in: the texts that its person has not agreed to yet."""

from __future__ import annotations

from accounts.privacy.notices import owed_by
from accounts.stages import SignInStage


class ConsentStage(SignInStage):
    key = "consent"
    urlname = "account_consent"

    def is_asked(self) -> bool:
        return bool(owed_by(self.user))
