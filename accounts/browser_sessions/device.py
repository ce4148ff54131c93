"""A user agent in words. What a browser says of itself is a claim: it helps people to know their own devices again,
and proves nothing. Only words of these lists are shown, never what was sent."""

from __future__ import annotations

BROWSERS = {
    # In this order: most of them claim to be Chrome or Safari too.
    "Edg": "Edge",
    "OPR/": "Opera",
    "Vivaldi": "Vivaldi",
    "SamsungBrowser": "Samsung Internet",
    "FxiOS": "Firefox",
    "Firefox": "Firefox",
    "CriOS": "Chrome",
    "HeadlessChrome": "Chrome (headless)",
    "Chromium": "Chromium",
    "Chrome": "Chrome",
    "Safari": "Safari",
    "curl": "curl",
    "Wget": "wget",
    "python-requests": "Python (requests)",
    "python-httpx": "Python (httpx)",
    "aiohttp": "Python (aiohttp)",
    "Python-urllib": "Python",
    "Go-http-client": "Go",
    "okhttp": "OkHttp",
    "PostmanRuntime": "Postman",
    "Terraform": "Terraform",
}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Macintosh": "macOS",
    "Mac OS X": "macOS",
    "Linux": "Linux",
    "FreeBSD": "FreeBSD",
}
HANDHELD = frozenset({"iPhone", "iPad", "Android"})


def in_words(user_agent: str) -> str:
    """Such as ``Firefox on Linux``; ``an unknown device`` when it says nothing that is known."""
    browser, system = _first(BROWSERS, user_agent), _first(SYSTEMS, user_agent)
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or "an unknown device"


def is_handheld(user_agent: str) -> bool:
    return _first(SYSTEMS, user_agent) in HANDHELD


def _first(known: dict[str, str], user_agent: str) -> str:
    return next((words for mark, words in known.items() if mark in user_agent), "")
