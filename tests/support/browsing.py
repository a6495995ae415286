"""A real browser for tests of the pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.support.serving import PATIENCE_S

FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync
    --disable-dev-shm-usage --lang=en""".split()
# Names of other sites, and of ours on a network: they all lead to this machine.
NAMES = "--host-resolver-rules=MAP *.example 127.0.0.1"


class Browser:
    """A browser, as a person uses it."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        self.driver.get(url)

    def find(self, selector: str) -> WebElement:
        """The first visible one, as soon as there is one."""
        found: WebElement = self.until(lambda: next(iter(self.all(selector)), None))
        return found

    def all(self, selector: str) -> list[WebElement]:
        found = self.driver.find_elements(By.CSS_SELECTOR, selector)
        return [one for one in found if one.is_displayed()]

    def until(self, look: Callable[[], Any]) -> Any:
        """What `look` finds, as soon as it finds something."""
        wait = WebDriverWait(
            self.driver,
            PATIENCE_S,
            poll_frequency=0.05,
            ignored_exceptions=[NoSuchElementException, StaleElementReferenceException],
        )
        return wait.until(lambda _: look())

    def until_shown(self, selector: str, text: str) -> None:
        self.until(lambda: any(text in one.text for one in self.all(selector)))

    def tab(self) -> WebElement:
        """What the tab key leads to."""
        self.driver.switch_to.active_element.send_keys(Keys.TAB)
        return self.driver.switch_to.active_element

    def complaints(self) -> list[str]:
        """Errors in the console, such as a breach of the page's policy."""
        log = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in log if entry["level"] == "SEVERE"]


@contextmanager
def chromium_with(profile: Path) -> Iterator[Chrome]:
    """Chromium, for as long as the block runs; without it, the test is left out."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("left out: the pages, as there is no chromium with its chromedriver")
    options = ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, NAMES, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # A proxy of the environment is not for this machine's own addresses.
    environ = {name: text for name, text in os.environ.items() if "proxy" not in name.lower()}
    started = Chrome(options=options, service=Service(driver, env=environ))
    try:
        yield started
    finally:
        started.quit()
