"""Screenshots for the documentation: ``make pictures`` runs the browser tests and keeps what they come by."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Page

FOLDER = Path(__file__).parents[2] / "docs" / "images"
SIZE = {"width": 1280, "height": 900}


def picture(page: Page, name: str) -> None:
    """Keep what ``page`` shows now as ``docs/images/<name>.png``, if pictures are asked for."""
    if os.environ.get("TEMPS_PICTURES"):
        page.set_viewport_size(SIZE)  # type: ignore[arg-type]
        page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")
