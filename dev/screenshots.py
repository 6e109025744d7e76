"""`python -m dev.screenshots FOLDER`: take a picture of each page of the dashboard that is running."""

from __future__ import annotations

import argparse
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crm_assets.settings import get_settings

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGES = ("forecast", "deals", "changes", "risk", "outcome", "trust")
# The first page has no path of its own.
PATHS = {"forecast": ""}
WIDE: dict[str, Any] = {"locale": "en-US", "viewport": {"width": 1280, "height": 900}}
# Streamlit closes its menu on what says that it is a phone.
PHONE = "Pixel 5"
PATIENCE = 120_000


def browser_program() -> str | None:
    """Return the distribution's Chromium, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def settled(page: Page) -> None:
    """Wait until Streamlit has run the page and drawn it."""
    page.wait_for_selector("[data-testid=stApp]", timeout=PATIENCE)
    page.wait_for_selector("h1", timeout=PATIENCE)
    page.wait_for_function(
        """() => {
            const app = document.querySelector('[data-testid=stApp]');
            return app.dataset.testScriptState === 'notRunning'
                && !document.querySelector('[data-testid=stSpinner], [data-testid=stSkeleton]')
                && !document.querySelector('[data-stale=true]');
        }""",
        timeout=PATIENCE,
    )


def main() -> None:
    """Take pictures of all pages: light and wide, dark, and on a phone."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(prog="python -m dev.screenshots")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", default=",".join(PAGES))
    parser.add_argument("--only", default="light,dark,phone")
    asked = parser.parse_args()
    settings = get_settings()
    address = f"http://{settings.dashboard_address}:{settings.dashboard_port}"
    asked.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_program(), args=["--no-sandbox"])
        phone = WIDE | playwright.devices[PHONE] | {"device_scale_factor": 1}
        phone.pop("default_browser_type")
        kinds: dict[str, dict[str, Any]] = {
            "light": WIDE,
            "dark": WIDE | {"color_scheme": "dark"},
            "phone": phone,
        }
        for kind in asked.only.split(","):
            size = kinds[kind]["viewport"]
            page = browser.new_context(**kinds[kind]).new_page()
            for name in asked.pages.split(","):
                start = time.perf_counter()
                page.goto(f"{address}/{PATHS.get(name, name)}")
                settled(page)
                took = time.perf_counter() - start
                # The page scrolls inside of its main part: make the window as high as that.
                height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
                page.set_viewport_size({"width": size["width"], "height": min(int(height) + 20, 6_000)})
                settled(page)
                page.wait_for_timeout(700)
                page.screenshot(path=asked.folder / f"{name}-{kind}.png")
                page.set_viewport_size(size)
                errors = re.findall(r"Traceback|Error:", page.inner_text("body"))
                print(f"{name}-{kind}.png  {took:.1f} s  {' '.join(errors)}".rstrip())
        browser.close()


if __name__ == "__main__":
    main()
