"""Take the screenshots of the documentation from a demo installation: ``make screenshots``."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Page, sync_playwright

from tests.servers import ROOT, Process, free_port, manage, project_environment, wait_for, web_command

IMAGES = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1280, 860

PageStep = Callable[[Page], None]


def tab(name: str) -> PageStep:
    """Return a step that opens a tab of a form."""
    return lambda page: page.get_by_role("tab", name=name).click()


def row(name: str, *more: PageStep) -> PageStep:
    """Return a step that opens the row with a name in a list, then runs ``more`` steps on its page."""

    def step(page: Page) -> None:
        page.locator("#result_list tbody").get_by_role("link", name=name).first.click()
        page.wait_for_load_state()
        for step in more:
            step(page)

    return step


PICTURES: dict[str, tuple[str, PageStep | None]] = {
    "overview": ("", None),
    "choose-type": ("loyalty/loyaltypromotion/add/", None),
    "promotions": ("loyalty/loyaltypromotion/", None),
    "promotion-outcome": ("loyalty/loyaltypromotion/?q=pantry", row("Stock the pantry", tab("Outcome"))),
    "promotion-rules": ("loyalty/loyaltypromotion/?q=pantry", row("Stock the pantry", tab("Eligibility"))),
    "discount-form": ("promotions/discount/?q=meal", row("Meal deal", tab("Discount"))),
    "calendar": ("calendar/", None),
    "try-basket": ("try/", None),
    "conflict-management": ("conflicts/conflictsettings/", None),
    "consumer-loyalty-tab": ("consumers/consumer/?q=c-00001", row("c-00001", tab("Loyalty"))),
}
"""By file name: the address below the admin, and the step that is run before the screenshot."""


def main() -> None:
    """Fill a demo, serve it, and take every screenshot as its marketer sees it."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("The pictures are taken by Chromium: install the package chromium, then run this again.")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        environment = project_environment(database=f"sqlite:///{folder / 'demo.sqlite3'}", folder=folder)
        manage("migrate", "--noinput", "--verbosity", "0", environment=environment)
        manage("collectstatic", "--noinput", "--verbosity", "0", environment=environment)
        output = manage("demo", environment=environment)
        credentials = re.search(r"^\s*(demo-marketer)\s+(\S+)", output, flags=re.MULTILINE)
        if credentials is None:
            raise SystemExit("The demo named no marketer.")
        port = free_port()
        web = Process(web_command(port), environment=environment, log=folder / "web.log")
        web.start()
        try:
            home = f"http://127.0.0.1:{port}"
            wait_for(lambda: urlopen(f"{home}/readyz").status == 200, what="the web server")  # noqa: S310 - ours
            _take(chromium, home, credentials[1], credentials[2])
        finally:
            web.kill()


def _take(chromium: str, home: str, username: str, password: str) -> None:
    with sync_playwright() as playwright:
        # The browser tests start it in the same way.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(f"{home}/admin/login/")
        page.fill("[name=username]", username)
        page.fill("[name=password]", password)
        page.click("button[type=submit]")
        page.wait_for_load_state()
        for name, (address, step) in PICTURES.items():
            page.goto(f"{home}/admin/{address}")
            if step is not None:
                step(page)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
