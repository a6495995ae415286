"""What the gateway answers to a browser that acts for another site, call by call."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from tests.support.resting import Answer, Rest, RestServer, build_gateway
from tests.support.serving import PATIENCE_S

PORTAL = "https://portal.example"
ELSEWHERE = "http://elsewhere.example"
JSON = {"Content-Type": "application/json"}
# As images, links and what else needs no leave of the other site say who they are.
FROM_A_BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0.0.0 Safari/537.36"}
COSTLY = [
    "/preprocess/shopping?user_id=1&proposal_id=7&file_name=a.json",
    "/convert_to_csv/watch?job_id=none",
    "/jobs/watch?ended_limit=1",
]
READING = ["/jobs", "/convert_to_csv/status?job_id=none", "/jobs/none/tables"]
PAGES = ["/", "/jobs/live", "/openapi.json", "/jobs/live/page.js"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestServer]:
    """A server that another site's pages are allowed to call, and that has names."""
    build_gateway()
    server = RestServer(
        tmp_path_factory.mktemp("rest"),
        MYD_REST_HOSTS="myd.example, myd.example:8443,only.example:9999,[fd00::1]",
        MYD_REST_ORIGINS=f"{PORTAL}:443, http://localhost:3000",
    ).start()
    server.put("a.json", '[{"user_id":"1","proposal_id":"7","category":"a"}]')
    yield server
    server.kill()


@pytest.fixture
def rest(service: RestServer) -> Rest:
    return service.rest


def refused(answer: Answer, status: int, code: grpc.StatusCode) -> None:
    assert (answer.status, answer.json["code"]) == (status, code.value[0]), answer.body
    assert answer.json.keys() == {"code", "message", "details"}


def forbidden(answer: Answer) -> None:
    refused(answer, 403, grpc.StatusCode.PERMISSION_DENIED)
    assert "Access-Control-Allow-Origin" not in answer.headers


def begun(answer: Answer | int) -> bool:
    """Whether a call got as far as to the server, whatever that said."""
    return (answer if isinstance(answer, int) else answer.status) in {200, 404, 409}


def status_of(rest: Rest, path: str, headers: Mapping[str, str]) -> int:
    """The status of an answer that may have no end."""
    with rest.stream(path, headers) as response:
        return response.status


# --- By which name ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "elsewhere.example",
        "myd.example.elsewhere.example",
        "localhost.elsewhere.example",
        "127.0.0.1.elsewhere.example",
        "only.example",
        "only.example:9998",
        "notmyd.example",
        "10.0.0.1",
        "[fd00::2]",
        "localhost:x",
        "2130706433",
    ],
)
@pytest.mark.parametrize("path", ["/jobs", "/", "/jobs/live", "/nowhere", "/openapi.json"])
def test_a_name_that_is_not_known_is_not_answered_to(rest: Rest, host: str, path: str) -> None:
    answer = rest.call("GET", path, headers={"Host": host})
    refused(answer, 421, grpc.StatusCode.INVALID_ARGUMENT)
    assert "MYD_REST_HOSTS" in answer.json["message"]
    assert host not in answer.json["message"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_no_call_is_made_by_a_name_that_is_not_known(rest: Rest, method: str) -> None:
    headers = JSON | {"Host": "elsewhere.example", "Origin": "http://elsewhere.example"}
    answer = rest.call(method, "/convert_to_csv", {}, headers)
    refused(answer, 421, grpc.StatusCode.INVALID_ARGUMENT)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:1",
        "127.0.0.1:9090",
        "[::1]",
        "[::1]:9090",
        "myd.example",
        "MYD.example:1",
        "myd.example:8443",
        "only.example:9999",
        "[fd00::1]:9090",
    ],
)
def test_a_name_that_is_known_is_answered_to(rest: Rest, host: str) -> None:
    assert rest.call("GET", "/jobs", headers={"Host": host}).status == 200


def test_it_is_known_by_the_address_that_it_was_called_at(rest_server: RestServer) -> None:
    rest_server.start(MYD_REST_ADDRESS="0.0.0.0:0", MYD_PLAINTEXT="true")
    port = rest_server.rest.address.rpartition(":")[2]
    for address in ("127.0.0.1", "127.0.0.2"):
        assert Rest(f"{address}:{port}").get("/jobs").status == 200
    assert rest_server.rest.get("/jobs").status == 200  # as it says itself where it is


def test_health_is_told_to_probes_by_whatever_name(rest: Rest) -> None:
    assert rest.call("GET", "/healthz", headers={"Host": "10.1.2.3:9090"}).status == 200
    assert rest.call("GET", "/healthz", headers=FROM_A_BROWSER).status == 200
    with socket.create_connection(rest.address.split(":")) as line:  # type: ignore[arg-type]
        line.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert line.makefile("rb").readline().split()[1] == b"200"
    refused(
        rest.call("GET", "/healthz/x", headers={"Host": "10.1.2.3"}),
        421,
        grpc.StatusCode.INVALID_ARGUMENT,
    )


def test_the_host_of_a_whole_url_counts(rest: Rest) -> None:
    with socket.create_connection(rest.address.split(":")) as line:  # type: ignore[arg-type]
        request = f"GET http://elsewhere.example/jobs HTTP/1.1\r\nHost: {rest.address}\r\n\r\n"
        line.sendall(request.encode())
        assert line.makefile("rb").readline().split()[1] == b"421"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MYD_REST_HOSTS", "*"),
        ("MYD_REST_HOSTS", "myd.example,http://myd.example"),
        ("MYD_REST_HOSTS", "myd.example:port"),
        ("MYD_REST_ORIGINS", "*"),
        ("MYD_REST_ORIGINS", "null"),
        ("MYD_REST_ORIGINS", "portal.example"),
        ("MYD_REST_ORIGINS", "https://portal.example/"),
        ("MYD_REST_ORIGINS", "https://user@portal.example"),
        ("MYD_REST_ORIGINS", "file://portal"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_at_start(variable: str, value: str) -> None:
    environ = {"MYD_REST_ADDRESS": "127.0.0.1:0", variable: value}
    done = subprocess.run(
        [build_gateway()], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert f"{variable}=" in done.stderr
    assert "cannot be used: it must be" in done.stderr


def test_the_server_ends_as_its_gateway_does_over_a_setting(rest_server: RestServer) -> None:
    process = rest_server.launch(MYD_REST_ADDRESS="127.0.0.1:0", MYD_REST_HOSTS="*")
    assert process.wait(PATIENCE_S) == 2
    assert "the REST gateway cannot use a setting: see above" in rest_server.log


# --- Calls that change something -------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """A call that would change something, but that what it names is not there."""

    method: str
    path: str
    body: Any = None


CHANGES = [
    Change("POST", "/convert_to_csv", {"file_names": ["none.json"], "output_file_name": "o"}),
    Change("POST", "/convert_to_excel", {"file_names": ["none.json"], "output_file_name": "o"}),
    Change(
        "POST",
        "/preprocess/shopping",
        {"user_id": "1", "proposal_id": "7", "file_name": "none.json"},
    ),
    Change("POST", "/jobs/none:cancel"),
    Change("POST", "/jobs/none:resume", {}),
    Change("DELETE", "/jobs/none"),
]
changes = pytest.mark.parametrize("change", CHANGES, ids=lambda one: f"{one.method} {one.path}")


def make(rest: Rest, change: Change, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return rest.call(change.method, change.path, change.body, JSON | named)


@changes
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ELSEWHERE},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "https://portal.example.elsewhere.example"},
        {"Origin": "http://portal.example"},
        {"Origin": f"{PORTAL}, {ELSEWHERE}"},
        {"Origin": ELSEWHERE, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer x"},
    ],
    ids=str,
)
def test_another_sites_page_changes_nothing(
    rest: Rest, change: Change, headers: dict[str, str]
) -> None:
    forbidden(make(rest, change, **headers))


@changes
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": PORTAL, "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
        {"Content-Type": "application/json; charset=utf-8"},
        {"Content-Type": "Application/JSON"},
    ],
    ids=str,
)
def test_programs_and_allowed_pages_make_changes(
    rest: Rest, change: Change, headers: dict[str, str]
) -> None:
    assert begun(make(rest, change, **headers))


@changes
def test_its_own_pages_make_changes(rest: Rest, change: Change) -> None:
    assert begun(make(rest, change, Origin=rest.url))
    assert begun(make(rest, change, Origin="https://myd.example", Host="myd.example"))


@changes
@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain; x=application/json",
        "application/json, text/plain",
        "text/json",
        "application/jsonp",
        "application",
        "",
    ],
)
def test_what_a_form_can_send_is_not_taken(rest: Rest, change: Change, kind: str) -> None:
    if change.method == "POST":
        answer = make(rest, change, Content_Type=kind)
        refused(answer, 415, grpc.StatusCode.INVALID_ARGUMENT)


def test_a_body_of_no_type_is_not_taken(rest: Rest) -> None:
    for path in ("/convert_to_csv", "/jobs/none:cancel"):
        refused(rest.call("POST", path, b""), 415, grpc.StatusCode.INVALID_ARGUMENT)
    refused(rest.call("DELETE", "/jobs/none", {}), 415, grpc.StatusCode.INVALID_ARGUMENT)


def test_a_delete_without_a_body_needs_no_type(rest: Rest) -> None:
    assert begun(rest.call("DELETE", "/jobs/none"))


def test_a_method_is_not_taken_from_a_header(rest: Rest) -> None:
    headers = {
        "X-HTTP-Method-Override": "GET",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    assert rest.call("POST", "/jobs", b"", headers).status == 405


# --- Calls that cost something, and reading --------------------------------------------------


@pytest.mark.parametrize("path", COSTLY)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "same-site", "Accept": "text/event-stream"},
        {"Origin": ELSEWHERE, "Accept": "text/event-stream"},
        {"Origin": "null"},
        FROM_A_BROWSER,
        FROM_A_BROWSER | {"Accept": "application/json"},
        FROM_A_BROWSER | {"Accept": "text/event-stream"},
        FROM_A_BROWSER | {"Referer": f"{ELSEWHERE}/"},
        FROM_A_BROWSER | {"Sec-Fetch-Site": "cross-site", "X-Requested-With": "x"},
    ],
    ids=str,
)
def test_another_sites_page_starts_nothing_that_costs(
    rest: Rest, path: str, headers: dict[str, str]
) -> None:
    forbidden(rest.call("GET", path, headers=headers))


@pytest.mark.parametrize("path", COSTLY)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"User-Agent": "curl/8.5.0", "Accept": "*/*"},
        {"User-Agent": "python-requests/2.32"},
        FROM_A_BROWSER | {"Sec-Fetch-Site": "same-origin"},
        FROM_A_BROWSER | {"Sec-Fetch-Site": "none"},
        FROM_A_BROWSER | {"Sec-Fetch-Site": "cross-site", "Origin": PORTAL},
        FROM_A_BROWSER | {"Origin": PORTAL},
        FROM_A_BROWSER | {"X-Requested-With": "x"},
        FROM_A_BROWSER | {"Authorization": "Bearer x"},
    ],
    ids=str,
)
def test_programs_and_allowed_pages_start_what_costs(
    rest: Rest, path: str, headers: dict[str, str]
) -> None:
    assert begun(status_of(rest, path, headers))


@pytest.mark.parametrize("path", COSTLY)
def test_its_own_pages_start_what_costs(rest: Rest, path: str) -> None:
    # Of a page on a network that the browser does not trust, an EventSource says this much.
    assert begun(status_of(rest, path, FROM_A_BROWSER | {"Referer": f"{rest.url}/page"}))


@pytest.mark.parametrize("path", [*READING, *PAGES])
def test_no_other_site_is_told_what_it_can_read(rest: Rest, path: str) -> None:
    for origin in (ELSEWHERE, "null"):
        forbidden(rest.call("GET", path, headers={"Origin": origin}))
    linked = rest.call("GET", path, headers={"Sec-Fetch-Site": "cross-site"})
    assert begun(linked)  # a link to it works, and shows nothing to the page that has it
    assert linked.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in linked.headers


# --- Pages of other sites that are allowed ---------------------------------------------------

ASKING = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


@pytest.mark.parametrize("path", ["/convert_to_csv", "/jobs/none", "/jobs/watch"])
def test_a_browser_is_told_what_an_allowed_page_may_call(rest: Rest, path: str) -> None:
    answer = rest.call("OPTIONS", path, headers=ASKING | {"Origin": PORTAL})
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == PORTAL
    assert answer.headers["Vary"] == "Origin"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert {"authorization", "content-type", "last-event-id"} <= set(allowed.split(", "))
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", [ELSEWHERE, "null", "https://portal.example:8443"])
def test_a_browser_is_told_nothing_for_any_other_page(rest: Rest, origin: str) -> None:
    forbidden(rest.call("OPTIONS", "/convert_to_csv", headers=ASKING | {"Origin": origin}))


def test_an_allowed_page_may_read_what_it_gets(rest: Rest) -> None:
    for path, status in (("/jobs", 200), ("/jobs/none/tables", 404)):
        answer = rest.call("GET", path, headers={"Origin": PORTAL})
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == PORTAL
        assert answer.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert rest.get("/jobs").headers["Vary"] == "Origin"


def test_options_without_an_origin_is_no_question_of_a_browser(rest: Rest) -> None:
    refused(rest.call("OPTIONS", "/convert_to_csv"), 405, grpc.StatusCode.UNIMPLEMENTED)


# --- What answers say to browsers ------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/jobs", 200),
        ("/convert_to_csv/status", 400),
        ("/nowhere", 404),
        ("/convert_to_csv", 405),
        ("/jobs?iv=1", 400),
        ("/healthz", 200),
        ("/openapi.json", 200),
        ("/", 200),
        ("/jobs/live", 200),
        ("/jobs/live/page.js", 200),
        ("/swagger-ui/swagger-ui.css", 200),
    ],
)
def test_every_answer_says_what_is_not_to_be_done_with_it(
    rest: Rest, path: str, status: int
) -> None:
    answer = rest.get(path)
    assert answer.status == status
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Set-Cookie" not in answer.headers
    assert "Strict-Transport-Security" not in answer.headers  # it is not over TLS


@pytest.mark.parametrize("path", READING)
def test_answers_with_data_are_kept_nowhere(rest: Rest, path: str) -> None:
    assert rest.get(path).headers["Cache-Control"] == "no-store"
    with rest.stream("/jobs/watch", {"Accept": "text/event-stream"}) as response:
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")


# --- Tokens ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameter",
    ["token", "access_token", "Access-Token", "authorization", "%74oken", "data.token", "id_token"],
)
@pytest.mark.parametrize("path", ["/jobs", "/", "/jobs/live", "/jobs/watch"])
def test_a_token_in_a_url_is_refused_and_not_logged(
    service: RestServer, path: str, parameter: str
) -> None:
    answer = service.rest.call("GET", f"{path}?{parameter}=very-own")
    refused(answer, 400, grpc.StatusCode.INVALID_ARGUMENT)
    assert "Authorization" in answer.json["message"]
    assert "very-own" not in answer.body.decode() + service.log
