from __future__ import annotations

import pytest

from accounts.browser_sessions.device import in_words, is_handheld

MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
KNOWN = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0": "Firefox on Linux",
    f"{MAC} Chrome/126.0.0.0 Safari/537.36": "Chrome on macOS",
    f"{MAC} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0": "Edge on macOS",
    f"{MAC} Chrome/126.0.0.0 Safari/537.36 OPR/112.0": "Opera on macOS",
    f"{MAC} Version/17.5 Safari/605.1.15": "Safari on macOS",
    f"{PHONE} Version/17.5 Mobile/15E148 Safari/604.1": "Safari on iPhone",
    f"{PHONE} CriOS/126.0 Mobile/15E148 Safari/604.1": "Chrome on iPhone",
    "Mozilla/5.0 (Linux; Android 14; SM-S921B) SamsungBrowser/25.0 Chrome/121.0 Mobile": "Samsung Internet on Android",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0.0.0 Safari/537.36": "Chrome on Windows",
    "curl/8.5.0": "curl",
    "python-requests/2.32.3": "Python (requests)",
    "": "an unknown device",
    "<script>alert(1)</script>": "an unknown device",
}


@pytest.mark.parametrize(("agent", "words"), KNOWN.items())
def test_a_user_agent_in_words(agent: str, words: str) -> None:
    assert in_words(agent) == words


def test_what_is_held_in_a_hand() -> None:
    assert [is_handheld(agent) for agent in (PHONE, MAC)] == [True, False]
