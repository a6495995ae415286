"""The pages in a real browser: Swagger UI, and the jobs live."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from myd.analysis.v1 import analysis_pb2 as pb
from myd_grpc.convert.model import PartFile
from myd_grpc.jobs.store.store import DATABASE_NAME
from tests.support.bounds import MANY_TABLES, keep
from tests.support.browsing import Browser
from tests.support.converting import native
from tests.support.keys import KEYS, encrypted, with_id
from tests.support.resting import RestServer
from tests.support.serving import Hold, lasting_address


@pytest.fixture
def held(rest_server: RestServer, hold: Callable[[str], Hold]) -> Hold:
    """A hold on every batch of every job of `rest_server`, which is running."""
    point = hold("batch_written")
    rest_server.start(
        MYD_FAILPOINTS=point.setting, MYD_WORKERS="1", MYD_REST_ADDRESS=lasting_address()
    )
    rest_server.put("a.json", '[{"id":1,"tr":[{"a":1},{"a":2}]}]')
    return point


def card(job_id: str) -> str:
    return f"[data-job='{job_id}']"


def test_swagger_ui_makes_a_call(rest_server: RestServer, browser: Browser) -> None:
    rest_server.start()
    rest_server.put("a.json", '[{"id":1}]')
    job_id = rest_server.convert("a.json").job_id
    browser.open(rest_server.rest.url)
    operation = "#operations-AnalysisService-GetJobStatus"
    browser.find(f"{operation} .opblock-summary-control").click()
    browser.find(f"{operation} input[placeholder='job_id']").send_keys(job_id)
    browser.find(f"{operation} button.execute").click()
    browser.until_shown(f"{operation} .live-responses-table .response-col_description", "DONE")
    assert browser.complaints() == []


def test_swagger_ui_offers_what_can_be_written(rest_server: RestServer, browser: Browser) -> None:
    rest_server.start()
    rest_server.put("a.json", '[{"id":1}]')
    browser.open(rest_server.rest.url)
    operation = "#operations-AnalysisService-ConvertToCsv"
    browser.find(f"{operation} .opblock-summary-control").click()
    body = browser.find(f"{operation} textarea")
    example = json.loads(body.get_attribute("value") or "")
    written = {"csv_profile": "CSV_PROFILE_EXCEL", "formats": ["OUTPUT_FORMAT_CSV"]}
    assert example.items() >= {**written, "checksums": False}.items()
    body.clear()
    asked = {"file_names": ["a.json"], "output_file_name": "out", **written, "checksums": True}
    body.send_keys(json.dumps(asked))
    browser.find(f"{operation} button.execute").click()
    browser.until_shown(f"{operation} .live-responses-table .response-col_description", "job_id")
    (job,) = rest_server.stub.ListJobs(pb.ListJobsRequest()).data
    assert (list(job.formats), job.checksums) == ([pb.OUTPUT_FORMAT_CSV], True)


def test_a_job_is_watched_to_its_end_and_another_is_cancelled(
    rest_server: RestServer, held: Hold, browser: Browser
) -> None:
    browser.open(f"{rest_server.rest.url}/jobs/live?lang=en")
    browser.until_shown("#connection", "Live")
    browser.until_shown("#working-empty", "No job is working or waiting.")
    first = rest_server.submit("a.json", output="첫 번째 & co")
    second = rest_server.submit("a.json", output="second")
    browser.until_shown(f"#working {card(first)} .name", "첫 번째 & co")
    browser.until_shown(f"#working {card(second)} .status", "waiting")
    browser.until_shown(f"#working {card(second)} .facts", "waiting for a free worker")
    held.reached()
    browser.until_shown(f"{card(first)} .percent", "%")
    assert browser.driver.title == "(2) myd jobs"

    button = browser.find(f"{card(second)} .cancel")
    assert button.accessible_name == "Cancel second"
    button.send_keys(Keys.ENTER)
    browser.driver.switch_to.alert.dismiss()
    assert rest_server.job(second).status == rest_server.job(first).status
    button.send_keys(Keys.ENTER)
    browser.driver.switch_to.alert.accept()
    browser.until_shown(f"#ended {card(second)} .failure", "Cancelled (CANCELLED)")
    browser.until_shown(f"#ended {card(second)} .status", "failed")

    held.release()
    browser.until_shown(f"#ended {card(first)} .status", "done")
    browser.find(f"{card(first)} summary").click()
    rows = [row.text for row in browser.all(f"{card(first)} tbody tr")]
    assert [row.split()[-4:-2] for row in rows] == [["1", "1"], ["2", "1"]]
    news = browser.driver.find_element(By.ID, "news").get_attribute("textContent")
    assert news == "첫 번째 & co is done."
    assert browser.all(f"{card(first)} .cancel") == []
    assert browser.driver.title == "myd jobs"
    assert browser.complaints() == []


def test_the_page_survives_a_restart_of_the_server(
    rest_server: RestServer, held: Hold, browser: Browser
) -> None:
    rest_server.put("bad.json", "[")
    bad = rest_server.convert("bad.json", output="bad").job_id
    browser.open(f"{rest_server.rest.url}/jobs/live?lang=en")
    job_id = rest_server.submit("a.json", output="carried on")
    browser.until_shown(f"#working {card(job_id)} .name", "carried on")
    browser.until_shown(f"#ended {card(bad)} .failure", "Not valid JSON (INVALID_JSON): bad.json")
    with held.at_point():
        rest_server.stop()
        browser.until_shown("#connection", "Connection lost")
    rest_server.start(MYD_REST_ADDRESS=rest_server.rest.address, MYD_FAILPOINTS="")
    browser.until_shown("#connection", "Live")
    browser.until_shown(f"#ended {card(job_id)} .status", "done")
    after = rest_server.convert("a.json", output="after").job_id
    browser.until_shown(f"#ended {card(after)} .status", "done")
    assert len(browser.all(f"#ended {card(bad)}")) == 1


def test_that_there_are_no_jobs_is_said_only_while_a_server_is_heard(
    rest_server: RestServer, browser: Browser
) -> None:
    rest_server.start()
    browser.open(f"{rest_server.rest.url}/jobs/live?lang=ko")
    browser.until_shown("#working-empty", "진행 중이거나 대기 중인 작업이 없습니다.")
    rest_server.stop()
    browser.until_shown("#connection", "연결이 끊겼습니다.")
    browser.until(lambda: browser.all(".empty") == [])


def test_how_many_records_were_left_out_is_shown(rest_server: RestServer, browser: Browser) -> None:
    rest_server.start()
    rest_server.put("a.json", "[1]")
    some, none = (rest_server.convert("a.json", output=name).job_id for name in ("some", "none"))
    rest_server.kill()
    with sqlite3.connect(rest_server.state / DATABASE_NAME) as connection:
        connection.execute("UPDATE job_status SET rejects = 12 WHERE job_id = ?", (some,))
    connection.close()
    rest_server.start()
    browser.open(f"{rest_server.rest.url}/jobs/live?lang=en")
    browser.until_shown(f"#ended {card(some)} .facts", "12 of them rejected (rejects.csv)")
    assert "rejected" not in browser.find(f"#ended {card(none)} .facts").text
    browser.open(f"{rest_server.rest.url}/jobs/live?lang=ko")
    browser.until_shown(f"#ended {card(some)} .facts", "그중 12건 제외(rejects.csv)")
    assert browser.complaints() == []


def test_what_a_job_says_is_shown(
    rest_server: RestServer, hold: Callable[[str], Hold], browser: Browser
) -> None:
    started = hold("worker_started")
    rest_server.start(MYD_FAILPOINTS=started.setting)
    rest_server.put("in", encrypted("[[1]]"))
    job_id = rest_server.submit("in", **with_id())
    started.reached()
    rest_server.kill()
    started.release()
    rest_server.start(MYD_FAILPOINTS="")
    browser.open(f"{rest_server.rest.url}/jobs/live?lang=en")
    browser.until_shown(f"#working {card(job_id)} .facts", "python client.py resume")
    assert browser.all(f"{card(job_id)} .said") == []
    rest_server.stub.ResumeJob(pb.ResumeJobRequest(job_id=job_id, **KEYS))
    browser.until_shown(f"#ended {card(job_id)} .said", "note: the records are lists")
    assert browser.complaints() == []


def test_a_browser_that_only_listens_gets_the_end_and_stops(
    rest_server: RestServer, browser: Browser
) -> None:
    rest_server.start()
    rest_server.put("a.json", '[{"id":1}]')
    job_id = rest_server.convert("a.json").job_id
    browser.open(f"{rest_server.rest.url}/jobs/live")
    browser.driver.execute_script(
        """
        window.seen = [];
        window.stream = new EventSource(arguments[0]);
        for (const name of ["open", "message", "end"]) {
            window.stream.addEventListener(name, (event) => window.seen.push(event.type));
        }
        """,
        f"/convert_to_csv/watch?job_id={job_id}",
    )
    closed = "return window.stream.readyState === EventSource.CLOSED"
    browser.until(lambda: browser.driver.execute_script(closed))
    assert browser.driver.execute_script("return window.seen") == ["open", "message", "end"]


def test_names_are_text_and_never_markup(rest_server: RestServer, browser: Browser) -> None:
    rest_server.start()
    name = rest_server.put("<img src=x onerror=document.title=1>.json", "[")
    job_id = rest_server.convert(name, output="&lt;b&gt;").job_id
    browser.open(f"{rest_server.rest.url}/jobs/live")
    browser.until_shown(f"{card(job_id)} .files", name)
    browser.until_shown(f"{card(job_id)} .name", "&lt;b&gt;")
    assert browser.all("main img, main b") == []
    assert browser.complaints() == []


def test_names_are_read_as_they_are_written(rest_server: RestServer, browser: Browser) -> None:
    rest_server.start()
    name = rest_server.put("fdp\u202egpj.json", '[{"\u2066a\x85":[{"b":1}]}]')
    job_id = rest_server.convert(name).job_id
    browser.open(f"{rest_server.rest.url}/jobs/live")
    browser.until_shown(f"{card(job_id)} .files", "fdp\ufffdgpj.json")
    browser.find(f"{card(job_id)} summary").click()
    browser.until_shown(f"{card(job_id)} tbody", "out.\ufffda\ufffd")


def test_it_speaks_korean_fits_a_phone_and_follows_the_dark_mode(
    rest_server: RestServer, browser: Browser
) -> None:
    rest_server.start()
    rest_server.put("a.json", '[{"id":1}]')
    job_id = rest_server.convert("a.json", output="a" * 100).job_id
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    try:
        browser.open(f"{rest_server.rest.url}/jobs/live?lang=ko")
        browser.until_shown(f"{card(job_id)} .status", "완료")
        browser.until_shown(f"{card(job_id)} .facts", "ARRAY 형식으로 읽음")
        look = browser.driver.execute_script
        assert look("return document.documentElement.lang") == "ko"
        assert look("return document.documentElement.scrollWidth") <= 360
        background = look("return getComputedStyle(document.body).backgroundColor")
        assert background == "rgb(20, 23, 27)"
        browser.find("#language").send_keys(Keys.ENTER)
        browser.until_shown(f"{card(job_id)} .status", "done")
        browser.open(rest_server.rest.url)
        browser.until_shown(".opblock-summary-path", "/jobs")
        assert look("return document.documentElement.scrollWidth") <= 360
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_all_of_it_is_reached_by_keyboard(rest_server: RestServer, browser: Browser) -> None:
    rest_server.start()
    rest_server.put("a.json", '[{"id":1}]')
    job_id = rest_server.convert("a.json").job_id
    browser.open(f"{rest_server.rest.url}/jobs/live?lang=en")
    browser.until_shown(f"{card(job_id)} .status", "done")
    assert browser.tab().text == "한국어"
    assert browser.tab().text == "API"
    assert browser.tab().text.startswith("1 table, 1 row in out")
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    browser.until_shown(f"{card(job_id)} tbody", "out")
    region = browser.tab()
    assert region.aria_role == "region"
    outline = region.value_of_css_property("outline-style")
    assert outline == "solid", "what has the focus shows it"


def test_older_jobs_come_when_they_are_asked_for(rest_server: RestServer, browser: Browser) -> None:
    keep(rest_server, {f"job-{n}": [PartFile("out", "out_1.csv", 3, 9)] for n in range(130)})
    rest_server.start()
    browser.open(f"{rest_server.rest.url}/jobs/live?lang=en")
    browser.until_shown("#ended-count", "100+")
    assert len(browser.all("#ended > li")) == 50
    browser.find("#ended-more").click()
    browser.until(lambda: len(browser.all("#ended > li")) == 100)
    older = browser.find("#ended-older")
    assert older.text == "Load older jobs"
    older.click()
    browser.until(lambda: browser.all("#ended-older") == [])
    browser.until_shown("#ended-count", "130")
    assert len(browser.all("#ended > li")) == 130
    # A job of a list has no tables in itself: they are asked for, too.
    browser.find(f"{card('job-0')} summary").click()
    browser.until_shown(f"{card('job-0')} tbody tr", "out")
    assert browser.find(f"{card('job-0')} summary").text == "1 table, 3 rows in job-0"
    assert browser.complaints() == []


@native
def test_it_is_told_what_a_job_writes(rest_server: RestServer, browser: Browser) -> None:
    rest_server.start()
    rest_server.put("a.json", '[{"id":1}]')
    plain = rest_server.convert("a.json", output="plain").job_id
    formats = [pb.OUTPUT_FORMAT_XLSX, pb.OUTPUT_FORMAT_CSV]
    both = rest_server.convert("a.json", output="both", formats=formats, checksums=True).job_id
    for language, checksums in {"en": "with checksums", "ko": "체크섬 포함"}.items():
        browser.open(f"{rest_server.rest.url}/jobs/live?lang={language}")
        for job_id, told in {plain: ["CSV"], both: ["CSV, XLSX", checksums]}.items():
            browser.until_shown(f"{card(job_id)} .facts", told[0])
            facts = browser.find(f"{card(job_id)} .facts").text.split("· ")
            assert [one.strip() for one in facts[-len(told) :]] == told
    # A table's size is that of the files that it has for itself.
    browser.find(f"{card(both)} summary").click()
    cells = [cell.text for cell in browser.all(f"{card(both)} tbody td")]
    (csv_file,) = (rest_server.output / "both").glob("both_*.csv")
    assert cells == ["1", "2", f"{csv_file.stat().st_size} B"]
    assert browser.complaints() == []


def test_a_deleted_job_leaves_the_page(rest_server: RestServer, browser: Browser) -> None:
    rest_server.start()
    rest_server.put("a.json", '[{"id":1}]')
    gone, stays = (rest_server.convert("a.json", output=name).job_id for name in ("one", "two"))
    browser.open(f"{rest_server.rest.url}/jobs/live?lang=en")
    browser.until_shown(f"{card(gone)} .status", "done")
    rest_server.rest.call("DELETE", f"/jobs/{gone}")
    browser.until(lambda: browser.all(card(gone)) == [])
    browser.until_shown("#ended-count", "1")
    assert len(browser.all(card(stays))) == 1


def test_jobs_that_are_gone_after_a_restart_leave_the_page_all_of_them(
    rest_server: RestServer, browser: Browser
) -> None:
    rest_server.start(MYD_REST_ADDRESS=lasting_address())
    rest_server.put("a.json", '[{"id":1}]')
    gone = [rest_server.convert("a.json", output=name).job_id for name in ("one", "two", "three")]
    browser.open(f"{rest_server.rest.url}/jobs/live?lang=en")
    for job_id in gone:
        browser.until_shown(f"#ended {card(job_id)} .status", "done")
    rest_server.stop()
    empty = str(rest_server.state.with_name("empty"))
    rest_server.start(MYD_REST_ADDRESS=rest_server.rest.address, MYD_STATE_DIR=empty)
    kept = rest_server.convert("a.json", output="four").job_id
    browser.until_shown(f"#ended {card(kept)} .status", "done")
    browser.until(lambda: len(browser.all("#ended [data-job]")) == 1)
    browser.until_shown("#ended-count", "1")


def test_tables_that_a_message_has_no_room_for_are_loaded_page_by_page(
    rest_server: RestServer, browser: Browser
) -> None:
    keep(rest_server, {"wide": MANY_TABLES})
    rest_server.start()
    browser.open(f"{rest_server.rest.url}/jobs/live?lang=ko")
    browser.until_shown(f"{card('wide')} summary", "표 4,000개")
    browser.find(f"{card('wide')} summary").click()
    rows = f"{card('wide')} tbody tr"
    count = "return document.querySelectorAll(arguments[0]).length"
    browser.until(lambda: browser.driver.execute_script(count, rows) == 100)
    more = browser.find(f"{card('wide')} .more-tables")
    assert more.text == "표 더 불러오기"
    more.click()
    browser.until(lambda: browser.driver.execute_script(count, rows) == 200)
    assert browser.complaints() == []


def test_a_file_and_a_reason_have_words_in_both_languages() -> None:
    texts = (Path(__file__).parents[2] / "gateway/live/texts.js").read_text("utf-8")
    english, korean = texts.partition("const en =")[2].partition("const ko =")[::2]
    words = [line.split(":")[0].strip() for line in english.splitlines() if ":" in line]
    for word in words:
        assert f" {word}:" in korean, word
