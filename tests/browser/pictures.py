"""Screenshots for the documentation: ``make pictures`` runs the browser tests and keeps what they come by.

``tests/test_pictures.py`` holds that every picture is there, and shown in ``docs/``.
"""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Page, ViewportSize

FOLDER = Path(__file__).parents[2] / "docs" / "images"
PHONE = ViewportSize(width=390, height=844)
CARD = ViewportSize(width=800, height=600)
CONSOLE = ViewportSize(width=1280, height=900)

CUT_OFF = """() => {
  const [seen, cut] = [document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), []];
  while (seen.nextNode()) {
    const text = seen.currentNode;
    if (!text.data.trim() || !text.parentElement.checkVisibility() || text.parentElement.closest(".truncate")) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    const box = range.getBoundingClientRect();
    if (box.left < innerWidth && box.right > innerWidth) cut.push(text.data);
  }
  return cut;
}"""
"""The texts that run off the right edge; those that end in an ellipsis on purpose do not count."""

PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def picture(page: Page, name: str) -> None:
    """Hold that what ``page`` shows now fits a phone; if pictures are asked for, keep it as ``docs/images/<name>.png``.

    Of the pages around the console all is kept, of the console what a window shows.
    """
    page.wait_for_load_state()
    is_card = page.locator("main.page").count() > 0
    page.set_viewport_size(PHONE)
    cut_off = page.evaluate(CUT_OFF)
    page.set_viewport_size(CARD if is_card else CONSOLE)
    assert not cut_off, f"{name} runs off a phone: {cut_off}"
    if os.environ.get("TEMPS_PICTURES"):
        page.evaluate(PAINTED)
        page.screenshot(path=FOLDER / f"{name}.png", animations="disabled", full_page=is_card)
