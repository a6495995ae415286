"""The pages where the server asks for a token: they ask for it, and keep it for the tab."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import grpc
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.browsing import Browser
from tests.support.resting import Rest, gateway_to
from tests.support.scripted import Service, listening

TOKEN = "myd_0123456789.abcdef-_~+/="
OTHER = "another-callers"
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED


class Callers(Service):
    """A server whose callers each have one job, which only they are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs = {TOKEN: "mine", OTHER: "theirs"}
        self.denied: set[str] = set()
        self.ends: list[Event] = []

    def _caller(self, context: grpc.ServicerContext) -> str:
        sent = str(dict(context.invocation_metadata()).get("authorization", ""))
        token = sent.removeprefix("Bearer ")
        if token not in self.jobs:
            context.abort(UNAUTHENTICATED, "a credential that the server takes is needed")
        if token in self.denied:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "the role read is missing")
        return token

    def WatchJobs(
        self, _request: Any, context: grpc.ServicerContext
    ) -> Iterator[pb.WatchJobsResponse]:
        """Watch until the caller is revoked."""
        token = self._caller(context)
        name = self.jobs[token]
        job = pb.Job(job_id=name, output_file_name=name, status="WORKING", revision=1)
        yield pb.WatchJobsResponse(data=job)
        end = Event()
        self.ends.append(end)
        context.add_callback(end.set)
        end.wait()
        context.abort(UNAUTHENTICATED, "revoked")

    def CancelJob(self, _request: Any, context: grpc.ServicerContext) -> Any:
        """Refuse who is no caller."""
        self._caller(context)
        return pb.CancelJobResponse()

    def ListJobs(self, _request: Any, context: grpc.ServicerContext) -> pb.ListJobsResponse:
        """List the one job."""
        name = self.jobs[self._caller(context)]
        return pb.ListJobsResponse(data=[pb.Job(job_id=name, output_file_name=name)])

    def revoke(self, token: str) -> None:
        """End the caller, and all watches."""
        del self.jobs[token]
        self.end_watches()

    def end_watches(self) -> None:
        """Let no watch wait any longer."""
        for end in self.ends:
            end.set()


@pytest.fixture
def callers() -> Callers:
    return Callers()


@pytest.fixture
def rest(callers: Callers, tmp_path: Path, browser: Browser) -> Iterator[Rest]:
    with listening(callers) as address, gateway_to(address, tmp_path) as rest:
        yield rest
        browser.open("about:blank")
        callers.end_watches()


def enter(browser: Browser, token: str) -> None:
    field = browser.find("#token")
    field.clear()
    field.send_keys(token, Keys.ENTER)


def stored(browser: Browser) -> list[Any]:
    """What the page has left in the browser, with the token's place in the middle."""
    script = "return [localStorage.length, {...sessionStorage}, document.cookie, location.href]"
    found: list[Any] = browser.driver.execute_script(script)
    return found


def test_the_page_asks_for_a_token_and_keeps_it_for_the_tab(rest: Rest, browser: Browser) -> None:
    browser.open(f"{rest.url}/jobs/live?lang=en")
    browser.until_shown("#token-why", "This server shows jobs to those who have a token.")
    browser.until_shown("#connection", "Waiting for a token")
    assert browser.all("main") == []
    assert browser.driver.switch_to.active_element.get_attribute("id") == "token"
    assert browser.find("#token").accessible_name == "Token"
    assert browser.find("#token").get_attribute("type") == "password"

    for wrong in ("wrong", "한글"):
        enter(browser, wrong)
        browser.until_shown("#token-why", "The server does not take this token")
        assert browser.find("#token").get_attribute("value") == ""

    enter(browser, f" Bearer {TOKEN} ")
    browser.until_shown("#working .name", "mine")
    browser.until_shown("#connection", "Live")
    assert browser.all("#sign-in") == []
    here = f"{rest.url}/jobs/live?lang=en"
    assert stored(browser) == [0, {"myd-token": TOKEN}, "", here]
    browser.driver.refresh()
    browser.until_shown("#working .name", "mine")


def test_a_token_is_not_for_other_tabs_and_can_be_forgotten(rest: Rest, browser: Browser) -> None:
    here = f"{rest.url}/jobs/live?lang=en"
    browser.open(here)
    enter(browser, TOKEN)
    browser.until_shown("#working .name", "mine")
    first = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("tab")
    browser.open(here)
    browser.until_shown("#token-why", "This server shows jobs")
    browser.driver.close()
    browser.driver.switch_to.window(first)

    browser.find("#forget").click()
    browser.until_shown("#token-why", "This server shows jobs")
    assert browser.driver.find_elements(By.CSS_SELECTOR, ".job") == []
    assert stored(browser)[1] == {"myd-token": ""}
    enter(browser, OTHER)
    browser.until_shown("#working .name", "theirs")
    assert "mine" not in browser.driver.page_source


def test_a_token_that_is_revoked_is_asked_for_again_and_nothing_stays_shown(
    rest: Rest, callers: Callers, browser: Browser
) -> None:
    browser.open(f"{rest.url}/jobs/live?lang=ko")
    browser.until_shown("#token-title", "토큰을 입력하세요")
    enter(browser, TOKEN)
    browser.until_shown("#working .name", "mine")
    callers.revoke(TOKEN)
    browser.until_shown(
        "#token-why",
        "서버가 이 토큰을 받아들이지 않습니다",
    )
    assert "mine" not in browser.driver.page_source
    browser.find("#language").click()
    browser.until_shown("#token-why", "The server does not take this token, or not any more.")
    enter(browser, OTHER)
    browser.until_shown("#working .name", "theirs")


def test_a_token_that_is_refused_in_another_call_is_asked_for_again(
    rest: Rest, callers: Callers, browser: Browser
) -> None:
    browser.open(f"{rest.url}/jobs/live?lang=en")
    enter(browser, TOKEN)
    browser.until_shown("#working .name", "mine")
    del callers.jobs[TOKEN]  # the watch has not ended yet
    browser.find(".cancel").click()
    browser.driver.switch_to.alert.accept()
    browser.until_shown("#token-why", "The server does not take this token")
    assert "mine" not in browser.driver.page_source


def test_a_caller_that_may_not_watch_is_told_so(
    rest: Rest, callers: Callers, browser: Browser
) -> None:
    callers.denied = {TOKEN}
    browser.open(f"{rest.url}/jobs/live?lang=en")
    enter(browser, TOKEN)
    browser.until_shown("#token-why", "does not show jobs for it: the role read is missing")
    enter(browser, OTHER)
    browser.until_shown("#working .name", "theirs")


def test_swagger_ui_asks_for_a_token_and_sends_it(rest: Rest, browser: Browser) -> None:
    browser.open(rest.url)
    operation = "#operations-AnalysisService-ListJobs"
    browser.find(f"{operation} .opblock-summary-control").click()
    browser.find(f"{operation} button.execute").click()
    browser.until_shown(f"{operation} .live-responses-table .response-col_status", "401")
    # The same dialog opens by the button Authorize.
    browser.find(".dialog-ux input").send_keys(TOKEN)
    browser.find(".dialog-ux button.authorize").click()
    browser.find(".dialog-ux button.btn-done").click()
    browser.find(f"{operation} button.execute").click()
    browser.until_shown(f"{operation} .live-responses-table .response-col_description", "mine")
    assert stored(browser)[:3] == [0, {}, ""]
