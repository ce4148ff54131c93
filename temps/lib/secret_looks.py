"""What looks like a secret, wherever it stands: the net beneath the rule that none enters a log, or the audit log.

People paste keys into the wrong field, programs put tokens into addresses and user agents. What has a shape that gives
it away is masked; a password that stands alone has none, so nothing here replaces leaving it out.
"""

from __future__ import annotations

import re

MASK = "[masked]"

_WHOLE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*"  # PEM (RFC 7468): all that follows, cut or not
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"  # a signed token (RFC 7519)
    r"|(?i:\b(?:bearer|basic) [\w.~+/=-]{12,})"  # an Authorization header (RFC 6750, RFC 7617)
    r"|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)",  # user:password in a URL (RFC 3986 section 3.2.1)
    re.DOTALL,
)
_AFTER = re.compile(
    r"(\btmp_[0-9A-Za-z]{10}_"  # an API key of ours; what names it may stay
    r"|\bwhsec_"  # a secret of Standard Webhooks
    r"|(?i:\b\w{0,20}(?:token|secret|password|passwd|api_?key)=))"  # in an address, or as a program prints its options
    r"[^\s&;,\"'<>]{6,}"
)


def without_secrets(text: str) -> str:
    text = _WHOLE.sub(MASK, text)
    return _AFTER.sub(rf"\g<1>{MASK}", text) if "_" in text or "=" in text else text
