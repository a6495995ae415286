"""Pages of other sites in a real browser: they start, cancel and read nothing."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from myd.analysis.v1 import analysis_pb2 as pb
from tests.support.browsing import Browser
from tests.support.resting import RestServer
from tests.support.serving import Hold, lasting_address

# By each of these names a browser reaches the gateway: it trusts the first with all it knows of the
# caller, and not the second, which is that of a machine on a network.
TRUSTED, PLAIN = "127.0.0.1", "myd.example"
ELSEWHERE = "elsewhere.example"
PAGE = b"<!doctype html><title>elsewhere</title><p>Nothing to see.</p>"


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Another site, with one page."""

    def do_GET(self) -> None:
        """Answer with the page."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: Any) -> None:
        """Write no log."""


class Site(http.server.ThreadingHTTPServer):
    """A server that ends its open connections when it is closed.

    A browser connects before it has anything to ask; without this, such a connection would still be
    answered when the port has long been another server's.
    """

    def __init__(self, port: int) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Elsewhere)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, and serve it."""
        self._open.add(request)
        super().process_request(request, client_address)

    def server_close(self) -> None:
        """Close the port and every connection to it."""
        super().server_close()
        for connection in self._open:
            with suppress(OSError):  # ended by the other side
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving_elsewhere(port: int = 0) -> Iterator[int]:
    """The other site, for as long as the block runs; gives its port."""
    with Site(port) as site:
        threading.Thread(target=site.serve_forever).start()
        try:
            yield site.server_port
        finally:
            site.shutdown()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    """The port of the other site."""
    with serving_elsewhere() as port:
        yield port


@pytest.fixture
def job(rest_server: RestServer, hold: Callable[[str], Hold]) -> Iterator[str]:
    """A job that works for as long as the test takes."""
    point = hold("batch_written")
    rest_server.start(MYD_FAILPOINTS=point.setting, MYD_REST_HOSTS=PLAIN)
    rest_server.put("a.json", '[{"user_id":"1","proposal_id":"7","category":"a"}]')
    job_id = rest_server.submit("a.json", output="first")
    with point.at_point():
        yield job_id


SEND = """
const [url, options, done] = arguments;
fetch(url, options)
    .then(async (answer) => done([answer.type, answer.status, await answer.text()]))
    .catch((error) => done([error.name]));
"""
LOAD = """
const [kind, url, done] = arguments;
const element = document.createElement(kind);
element.onload = () => done("load");
element.onerror = () => done("error");
element[kind === "link" ? "href" : "src"] = url;
if (kind === "link") element.rel = "prefetch";
document.body.append(element);
"""
LISTEN = """
const [url, done] = arguments;
const stream = new EventSource(url);
stream.onmessage = (event) => done(event.data);
stream.onerror = () => (stream.close(), done("error"));
"""
FORM = """
const [url, name, value] = arguments;
const form = document.createElement("form");
Object.assign(form, { method: "POST", action: url, enctype: "text/plain" });
form.append(Object.assign(document.createElement("textarea"), { name, value }));
document.body.append(form);
form.submit();
"""

CONVERSION = '{"file_names":["a.json"],"output_file_name":"stolen","request_id":"'
JSON = {"Content-Type": "application/json"}
SUMMARY = "/preprocess/shopping?user_id=1&proposal_id=7&file_name=a.json"


def statuses_of(server: RestServer) -> list[str]:
    """With what the gateway has answered calls."""
    lines = [line for line in server.log.splitlines() if "msg=call" in line]
    return [line.partition("status=")[2].split()[0] for line in lines]


def jobs_of(server: RestServer) -> list[str]:
    return [one.job_id for one in server.stub.ListJobs(pb.ListJobsRequest()).data]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", [TRUSTED, PLAIN])
@pytest.mark.parametrize("site", ["127.0.0.1", ELSEWHERE])
def test_another_sites_page_starts_cancels_and_reads_nothing(
    rest_server: RestServer, job: str, elsewhere: int, browser: Browser, name: str, site: str
) -> None:
    ours = f"http://{name}:{rest_server.rest.address.rpartition(':')[2]}"
    browser.open(f"http://{site}:{elsewhere}/")
    run = browser.driver.execute_async_script

    body = CONVERSION + '"}'
    for mode in ("cors", "no-cors"):
        for headers in ({}, {"Content-Type": "text/plain"}, JSON):
            sent = {"method": "POST", "mode": mode, "body": body, "headers": headers}
            assert run(SEND, f"{ours}/convert_to_csv", sent) in REFUSED
        for path in (f"/jobs/{job}:cancel", f"/jobs/{job}"):
            method = "DELETE" if path.endswith(job) and mode == "cors" else "POST"
            assert run(SEND, f"{ours}{path}", {"method": method, "mode": mode}) in REFUSED
        for path in (SUMMARY, "/jobs/watch", f"/convert_to_csv/watch?job_id={job}"):
            for accept in ("application/json", "text/event-stream"):
                sent = {
                    "mode": mode,
                    "headers": {"Accept": accept},
                    "referrerPolicy": "no-referrer",
                }
                assert run(SEND, f"{ours}{path}", sent) in REFUSED
    for path in ("/jobs", f"/convert_to_csv/status?job_id={job}", "/openapi.json", "/jobs/live"):
        assert run(SEND, f"{ours}{path}", {}) in REFUSED
        assert run(SEND, f"{ours}{path}", {"headers": {"Authorization": "Bearer x"}}) in REFUSED
    for kind in ("img", "script", "link", "iframe"):
        run(LOAD, kind, f"{ours}{SUMMARY}")
        run(LOAD, kind, f"{ours}/jobs/watch")
    for path in ("/jobs/watch", f"/convert_to_csv/watch?job_id={job}"):
        assert run(LISTEN, f"{ours}{path}") == "error"

    browser.driver.execute_script(FORM, f"{ours}/convert_to_csv", CONVERSION, '"}')
    browser.until(lambda: "another site" in browser.driver.page_source)
    assert jobs_of(rest_server) == [job]
    browser.open("about:blank")
    assert rest_server.stop() == 0  # by then, all calls are in the log
    statuses = statuses_of(rest_server)
    assert len(statuses) > 40
    assert set(statuses) <= {"403", "415"}


# No page is told more of a call that was refused: an error, or an answer that is opaque.
REFUSED = (["TypeError"], ["opaque", 0, ""])


@pytest.mark.parametrize("shown", ["/jobs/live", "/", "/jobs"])
def test_no_other_site_shows_it_in_a_frame(
    rest_server: RestServer, elsewhere: int, browser: Browser, shown: str
) -> None:
    rest_server.start()
    browser.open(f"http://{ELSEWHERE}:{elsewhere}/")
    browser.driver.execute_async_script(LOAD, "iframe", f"{rest_server.rest.url}{shown}")
    browser.driver.switch_to.frame(browser.driver.find_element("css selector", "iframe"))
    assert "myd" not in browser.driver.page_source
    assert browser.driver.find_elements("css selector", ".job, .swagger-ui") == []


def test_a_name_that_leads_here_later_reads_and_starts_nothing(
    rest_server: RestServer, browser: Browser
) -> None:
    # A rebinding: to the browser, the gateway is then of the site that the page was loaded from.
    address = lasting_address()
    port = int(address.rpartition(":")[2])
    theirs = f"http://{ELSEWHERE}:{port}"
    with serving_elsewhere(port):
        browser.open(theirs)
    rest_server.start(MYD_REST_ADDRESS=address)
    rest_server.put("a.json", '[{"id":1}]')
    job = rest_server.convert("a.json").job_id
    run = browser.driver.execute_async_script
    sent = {"method": "POST", "body": CONVERSION + '"}', "headers": JSON}
    assert run(SEND, f"{theirs}/convert_to_csv", sent)[1] == 421
    assert run(SEND, f"{theirs}/jobs/{job}:cancel", {"method": "POST", "headers": JSON})[1] == 421
    for path in ("/jobs", f"/convert_to_csv/status?job_id={job}", "/jobs/watch", SUMMARY):
        assert run(SEND, f"{theirs}{path}", {})[1] == 421
    assert run(LISTEN, f"{theirs}/jobs/watch") == "error"
    assert jobs_of(rest_server) == [job]


def test_an_allowed_sites_page_starts_and_reads(
    rest_server: RestServer, elsewhere: int, browser: Browser
) -> None:
    portal = f"http://portal.example:{elsewhere}"
    rest_server.start(MYD_REST_ORIGINS=portal)
    rest_server.put("a.json", '[{"id":1}]')
    browser.open(portal)
    run = browser.driver.execute_async_script
    ours, allowed = rest_server.rest.url, JSON | {"Authorization": "Bearer x"}
    sent = {"method": "POST", "body": CONVERSION + '"}', "headers": allowed}
    kind, status, _ = run(SEND, f"{ours}/convert_to_csv", sent)
    assert (kind, status) == ("cors", 200)
    (job_id,) = jobs_of(rest_server)
    assert job_id in run(LISTEN, f"{ours}/convert_to_csv/watch?job_id={job_id}")
    assert run(SEND, f"{ours}/jobs/none:cancel", {"method": "POST", "headers": JSON})[1] == 200


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", [TRUSTED, "localhost", PLAIN])
def test_its_own_page_works_by_each_of_its_names(
    rest_server: RestServer, job: str, browser: Browser, name: str
) -> None:
    ours = f"http://{name}:{rest_server.rest.address.rpartition(':')[2]}"
    browser.open(f"{ours}/jobs/live?lang=en")
    browser.until_shown(f"[data-job='{job}'] .name", "first")
    browser.open(ours)
    operation = "#operations-AnalysisService-PreprocessShopping"
    browser.find(f"{operation} .opblock-summary-control").click()
    for field, value in {"user_id": "1", "proposal_id": "7", "file_name": "a.json"}.items():
        browser.find(f"{operation} input[placeholder='{field}']").send_keys(value)
    browser.find(f"{operation} button.execute").click()
    browser.until_shown(
        f"{operation} .live-responses-table .response-col_description", "order_lines"
    )
