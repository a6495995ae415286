"""Callers by REST, as a server knows them that has a file of callers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from selenium.webdriver.common.keys import Keys

from tests.support.browsing import Browser
from tests.support.callers import caller_table, token_of, write_callers
from tests.support.resting import RestServer
from tests.support.teams import As

JSON = {"Content-Type": "application/json"}
READER, WRITER = caller_table("reader", ["read"]), caller_table("writer", ["convert"])
CALLERS = (READER, WRITER)


def start(server: RestServer, *tables: str, **settings: str) -> Path:
    """Start it with these callers; gives the path of their file."""
    path = write_callers(server.home / "callers.toml", *tables)
    server.start(MYD_CALLERS=str(path), **settings)
    server.put("a.json", '[{"id":1}]')
    return path


def bearing(name: str) -> dict[str, str]:
    return JSON | {"Authorization": f"Bearer {token_of(name)}"}


def status(
    server: RestServer, headers: Mapping[str, str], path: str = "/jobs", method: str = "GET"
) -> int:
    return server.rest.call(method, path, headers=headers).status


def test_callers_are_told_apart_by_rest(rest_server: RestServer) -> None:
    start(rest_server, *CALLERS)
    wrong = [{}, {"Authorization": "Bearer no"}, {"Authorization": f"Basic {token_of('writer')}"}]
    answers = [rest_server.rest.call("GET", "/jobs", headers=one) for one in wrong]
    assert {answer.status for answer in answers} == {401}
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {"Bearer"}
    assert len({answer.body for answer in answers}) == 1
    assert status(rest_server, {"Accept": "text/event-stream"}, "/jobs/watch") == 401
    assert rest_server.rest.get("/healthz").status == 200
    assert rest_server.rest.get("/jobs/live").status == 200

    body = {"file_names": ["a.json"], "output_file_name": "out"}
    taken = rest_server.rest.call("POST", "/convert_to_csv", body, bearing("writer"))
    job_id = taken.json["data"]["job_id"]
    refused = rest_server.rest.call("POST", "/convert_to_csv", body, bearing("reader"))
    assert (refused.status, refused.json["code"]) == (403, 7)
    path = f"/convert_to_csv/status?job_id={job_id}"
    shown = [
        rest_server.rest.call("GET", path, headers=bearing(name)).json["data"]["status"]
        for name in ("reader", "writer")
    ]
    assert shown[0] == "NOTFOUND"
    assert shown[1] != "NOTFOUND"
    assert token_of("writer") not in rest_server.log


def test_the_live_page_shows_a_caller_its_own_jobs(
    rest_server: RestServer, browser: Browser
) -> None:
    path = start(rest_server, *CALLERS)
    browser.open(f"{rest_server.rest.url}/jobs/live?lang=en")
    browser.until_shown("#token-why", "This server shows jobs to those who have a token.")
    browser.find("#token").send_keys("wrong", Keys.ENTER)
    browser.until_shown("#token-why", "The server does not take this token")
    browser.find("#token").send_keys(token_of("reader"), Keys.ENTER)
    browser.until_shown("#connection", "Live")
    browser.find("#forget").click()
    browser.find("#token").send_keys(token_of("writer"), Keys.ENTER)
    browser.until_shown("#connection", "Live")
    mine = As(rest_server, "writer").convert("a.json", "mine").job_id
    browser.until_shown(f"#ended [data-job='{mine}'] .name", "mine")
    write_callers(path, READER)  # which ends what the writer watches
    browser.until_shown("#token-why", "The server does not take this token, or not any more.")
    assert mine not in browser.driver.page_source
    browser.find("#token").send_keys(token_of("reader"), Keys.ENTER)
    browser.until_shown("#connection", "Live")
    browser.until_shown("#ended-empty", "No job has ended yet.")
