// One job as a card that is changed in place. All text goes in as text, never as markup.

import { ask } from "./api.js";
import { count, duration, moment, percent, size, text } from "./texts.js";

const SYMBOLS = { WORKING: "▶", DONE: "✓", FAILED: "✕", waiting: "…" };
const WAITING = ["PHASE_QUEUED", "PHASE_WAITING_FOR_KEY"];
const RATE_WINDOW_MS = 10_000;
const MOST_NAMES = 3;
const CONTROLS = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const TABLES_IN_A_PAGE = 100;

export class Card {
  #parts;
  #samples = [];
  #receivedMs = 0;
  /** The tables that were asked for, where the job itself has no room for all. */
  #listed = [];
  #nextTables = "";

  constructor(onCancel) {
    const copy = document.getElementById("job").content.cloneNode(true);
    this.element = copy.querySelector("li");
    this.#parts = Object.fromEntries(
      [...this.element.querySelectorAll("[class]")].map((one) => [one.className.split(" ").at(-1), one]),
    );
    this.#parts.bar = this.element.querySelector("progress");
    this.#parts.summary = this.element.querySelector("summary");
    this.#parts.body = this.element.querySelector("tbody");
    this.#parts.cancel.addEventListener("click", () => onCancel(this));
    this.#parts.tables.addEventListener("toggle", () => {
      if (this.#parts.tables.open && !this.#isComplete() && this.#listed.length === 0) {
        this.#loadTables();
      }
    });
    this.#parts["more-tables"].addEventListener("click", () => this.#loadTables());
  }

  /** Takes a newer state of the job; `show` shows it. */
  take(job, nowMs) {
    this.job = job;
    this.stale = false;
    this.#receivedMs = nowMs;
    if (job.phase !== "PHASE_CONVERTING") {
      this.#samples = []; // waiting does not count for the rate
    }
    this.#samples.push([nowMs, Number(job.progress?.bytes_read ?? 0)]);
    while (nowMs - this.#samples[0][0] > RATE_WINDOW_MS && this.#samples.length > 2) {
      this.#samples.shift();
    }
  }

  show(nowMs) {
    const { job } = this;
    const parts = this.#parts;
    const working = job.status === "WORKING";
    this.element.dataset.status = job.status;
    this.element.dataset.job = job.job_id;
    put(parts.name, job.output_file_name);
    const state = working && WAITING.includes(job.phase) ? "waiting" : job.status;
    put(parts.symbol, SYMBOLS[state] ?? "");
    put(parts.word, text[state] ?? state);
    put(parts.files, names(job));
    put(parts.id, job.job_id);
    this.#showProgress(working && job.phase !== "PHASE_QUEUED");
    put(parts.facts, (working ? this.#workingFacts(nowMs) : this.#endedFacts()).join("\u00a0· "));
    put(parts.said, said(job));
    put(parts.failure, failure(job));
    put(parts.cancel, text.cancel);
    parts.cancel.setAttribute("aria-label", text.cancelOf(job.output_file_name));
    parts.cancel.hidden = !working;
    this.#showTables();
  }

  /** Says why something that was asked for did not happen. */
  tell(trouble) {
    put(this.#parts.trouble, trouble);
  }

  #showProgress(shown) {
    const { advance, bar, percent: label } = this.#parts;
    advance.hidden = !shown;
    const value = this.job.progress?.percent ?? 0;
    bar.value = value;
    bar.setAttribute("aria-label", text.progressOf(this.job.output_file_name));
    put(label, percent(value));
  }

  #workingFacts(nowMs) {
    const { job } = this;
    const facts = text[job.phase] ? [text[job.phase]] : [];
    if (job.phase === "PHASE_QUEUED" || !job.progress) {
      return facts;
    }
    const { progress } = job;
    if (Number(progress.bytes_total) === 0) {
      return facts; // it has not begun, and nothing is known of its files
    }
    facts.push(text.of(size(progress.bytes_read), size(progress.bytes_total)));
    const rate = this.#rate();
    if (rate > 0 && job.phase === "PHASE_CONVERTING") {
      facts.push(text.rate(size(rate)));
    }
    if (progress.eta_seconds >= 0 && job.phase === "PHASE_CONVERTING") {
      facts.push(text.left(duration(progress.eta_seconds - (nowMs - this.#receivedMs) / 1000)));
    }
    facts.push(text.records(count(progress.records)), ...rejects(job), text.rows(count(progress.rows)));
    facts.push(...readAs(job), ...writtenAs(job));
    if (progress.files_total > 1) {
      const current = Math.min(progress.files_done + 1, progress.files_total);
      facts.push(text.files(current, progress.files_total));
    }
    return facts;
  }

  #endedFacts() {
    const { job } = this;
    const facts = [text.endedAt(moment(job.job_end_time))];
    if (job.job_start_time) {
      const seconds = job.job_end_time - job.job_start_time;
      facts.push(text.took(seconds > 0 ? duration(seconds) : text.instant));
    }
    if (job.status === "DONE" && job.progress) {
      facts.push(size(job.progress.bytes_total), text.records(count(job.progress.records)), ...rejects(job));
      facts.push(...readAs(job), ...writtenAs(job));
    }
    return facts;
  }

  #rate() {
    const [fromMs, fromBytes] = this.#samples[0];
    const [toMs, toBytes] = this.#samples.at(-1);
    return toMs - fromMs > 500 ? ((toBytes - fromBytes) * 1000) / (toMs - fromMs) : 0;
  }

  #showTables() {
    const { tables, summary, scroll, body } = this.#parts;
    const { tables_total: total, progress, output_dir: place } = this.job;
    tables.hidden = total === 0;
    if (tables.hidden) {
      return;
    }
    put(summary, text.tables(count(total), count(progress.rows), place));
    scroll.setAttribute("aria-label", summary.textContent);
    for (const [part, head] of Object.entries({
      "h-table": text.table,
      "h-rows": text.rowsHead,
      "h-files": text.filesHead,
      "h-size": text.sizeHead,
    })) {
      put(this.#parts[part], head);
    }
    put(this.#parts["more-tables"], this.#nextTables ? text.moreTables : "");
    body.replaceChildren(...(this.#isComplete() ? this.job.tables : this.#listed).map(tableRow));
  }

  #isComplete() {
    return this.job.tables.length === this.job.tables_total;
  }

  async #loadTables() {
    const more = this.#parts["more-tables"];
    more.disabled = true;
    put(this.#parts["no-tables"], "");
    try {
      const page = await ask(`./${encodeURIComponent(this.job.job_id)}/tables`, {
        page_size: TABLES_IN_A_PAGE,
        page_token: this.#nextTables,
      });
      this.#listed.push(...page.data);
      this.#nextTables = page.next_page_token;
      this.#showTables();
    } catch (error) {
      put(this.#parts["no-tables"], text.notLoaded(error.message));
    }
    more.disabled = false;
  }
}

function tableRow({ name, rows, parts }) {
  const row = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = readable(name);
  // Workbooks are shared by all tables.
  const own = parts.filter((part) => !part.file_name.endsWith(".xlsx"));
  const bytes = own.reduce((sum, part) => sum + Number(part.bytes), 0);
  const cells = [count(rows), count(parts.length), own.length ? size(bytes) : "-"].map((shown) => {
    const cell = document.createElement("td");
    cell.className = "number";
    cell.textContent = shown;
    return cell;
  });
  row.append(head, ...cells);
  return row;
}

/** The first of the files; a job has room for only so many, but knows their number. */
function names({ file_names: files, progress }) {
  const shown = files.slice(0, MOST_NAMES);
  const left = (progress?.files_total ?? files.length) - shown.length;
  return left > 0 ? `${shown.join(", ")} ${text.moreFiles(count(left))}` : shown.join(", ");
}

/** How many of a job's records are left out as they are broken, if any are. */
function rejects({ progress }) {
  return Number(progress.rejects) > 0 ? [text.rejects(count(progress.rejects))] : [];
}

/** As which layout a job's records are read, once that is known. */
function readAs({ layout }) {
  const known = layout.replace("RECORD_LAYOUT_", "");
  return ["AUTO", "UNSPECIFIED"].includes(known) ? [] : [text.readAs(known)];
}

/** In which formats a job's tables are written, and whether there are checksums beside them. */
function writtenAs({ formats, checksums }) {
  const names = formats.map((one) => one.replace("OUTPUT_FORMAT_", ""));
  return [names.join(",\u00a0"), ...(checksums ? [text.checksums] : [])];
}

/** What a job that works waits for, or what was strange about the input of one that is done. */
function said({ status, phase, msg }) {
  if (phase === "PHASE_WAITING_FOR_KEY") {
    return ""; // it is among the facts, in the reader's language
  }
  if (status === "DONE" && msg) {
    return text.note(msg);
  }
  return status === "WORKING" ? msg : "";
}

function failure({ status, reason, msg }) {
  if (status !== "FAILED") {
    return "";
  }
  const known = text.reasons[reason];
  const head = known ? `${known} (${reason})` : reason;
  return msg ? `${head}: ${msg}` : head;
}

/** A text to be read as it is written: nothing in it turns the direction of what follows. */
function readable(value) {
  return value.replace(CONTROLS, "\ufffd");
}

/** Sets an element's text where it differs, so that what is selected stays so. */
export function put(element, value) {
  const shown = readable(value);
  if (element.textContent !== shown) {
    element.textContent = shown;
  }
  element.hidden = value === "";
}
