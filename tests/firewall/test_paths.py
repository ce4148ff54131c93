from __future__ import annotations

import pytest

from firewall.paths import clean_pattern, compile_pattern, is_acme_challenge, is_health, project_of, spellings
from temps.lib.errors import Invalid


@pytest.mark.parametrize(
    "path",
    ["/api/v1/x", "//api/v1/x", "/API/v1/x", "/./api/v1/x", "/static/../api/v1/x", "\\api\\v1\\x", "/api", "/api/"],
)
@pytest.mark.promise("F-05")
def test_a_pattern_meets_every_spelling_of_a_path(path: str) -> None:
    pattern = compile_pattern(clean_pattern("/api/*"))
    assert any(pattern.match(form) for form in spellings(path))


@pytest.mark.parametrize("path", ["/apis", "/", "/x/api/v1", "/api\n"])
def test_a_pattern_meets_nothing_else(path: str) -> None:
    pattern = compile_pattern("/api/*")
    assert not any(pattern.match(form) for form in spellings(path))


@pytest.mark.parametrize("text", ["", "*", " /* "])
def test_everything_has_one_spelling(text: str) -> None:
    assert clean_pattern(text) == ""


@pytest.mark.parametrize(
    "text", ["api/*", "/a b", "/a?x=1", "/[ab]", "/ä", "/a//b", "/a/../b", "/" + "a" * 200, "/a\x00", "/a\r\nX: y"]
)
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        clean_pattern(text)


def test_a_pattern_of_stars_does_not_keep_us_busy() -> None:
    pattern = compile_pattern(clean_pattern("/" + "a*" * 90 + "b"))
    assert pattern.match("/" + "a" * 50_000) is None


def test_the_project_of_a_request_is_in_its_path() -> None:
    assert project_of("/api/v1/projects/shop/variables/") == "shop"
    assert project_of("/api/v1/projects/shop") == "shop"
    assert project_of("//API/v1/projects/shop/") == "shop"
    assert project_of("/api/v1/projects/") is None
    assert project_of("/api/v1/me/projects/shop/") is None


def test_exemptions_hold_for_the_exact_spelling_alone() -> None:
    assert is_acme_challenge("/.well-known/acme-challenge/Abc-_9")
    assert is_health("/healthz")
    for path in ("/../../api/v1/", "/", "", "/a/b", "/a\n"):
        assert not is_acme_challenge("/.well-known/acme-challenge" + path)
    for path in ("/healthz/", "/healthz/../api/v1/", "//healthz", "/HEALTHZ"):
        assert not is_health(path)
