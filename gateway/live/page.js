// The page of all jobs, live, on one stream of their states.

import { Refused, ask, call, events, whenTokenIsRefused } from "./api.js";
import { Card, put } from "./card.js";
import { count, language, switchLanguage, text } from "./texts.js";
import { askForToken, showToken, whenTokenChanges } from "./token.js";

const SHOW_EVERY_MS = 100;
const TICK_MS = 1000;
const RETRY_MS = [1000, 2000, 5000];
const PAGE = 50;
/** So many ended jobs come with the stream; older ones are asked for. */
const ENDED_LIMIT = 100;
/** After so long on a new connection, what it has not told of is not there any more. */
const SWEEP_MS = 5000;

const cards = new Map();
const changed = new Set();
const lists = {
  working: { most: PAGE, after: (one, other) => other.submit_time - one.submit_time },
  ended: { most: PAGE, after: (one, other) => other.job_end_time - one.job_end_time },
};
let arranged = true;
let showing = 0;
/** How far the list of ended jobs was read: where its next page begins, what it added. */
let older = { token: "", read: false, added: 0 };
let failures = 0;
let connection = "connecting";

const byId = (id) => document.getElementById(id);

let watching = null;
let retry = 0;

// Each connection tells all that works and what has ended last: nothing has to be remembered
// across them.
async function connect() {
  const mine = new AbortController();
  const isMine = () => watching === mine;
  watching = mine;
  try {
    for await (const event of events(`watch?ended_limit=${ENDED_LIMIT}`, mine.signal)) {
      if (isMine()) {
        heed(event, isMine);
      }
    }
  } catch (error) {
    if (isMine()) {
      goOnAfter(error);
    }
  }
}

function heed({ name, data }, isMine) {
  if (name === "message") {
    take(JSON.parse(data).result.data);
  } else if (name === "open") {
    failures = 0;
    setConnection("live");
    for (const card of cards.values()) {
      card.stale = true;
    }
    setTimeout(() => isMine() && sweep(), SWEEP_MS);
  }
}

function goOnAfter(error) {
  disconnect();
  if (error instanceof Refused && error.status === 403) {
    stopFor(error);
    return;
  }
  setConnection("lost");
  const usual = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
  retry = setTimeout(connect, Math.max(usual, error.retryMs ?? 0));
  failures += 1;
}

function disconnect() {
  clearTimeout(retry);
  watching?.abort();
  watching = null;
}

/** Shows no jobs any more until there is another token: who has that may be somebody else. */
function stopFor(refused) {
  disconnect();
  clear();
  setConnection("asking");
  askForToken(refused);
}

function clear() {
  for (const card of cards.values()) {
    card.element.remove();
  }
  cards.clear();
  changed.clear();
  older = { token: "", read: false, added: 0 };
  put(byId("older-trouble"), "");
  put(byId("news"), "");
  arrange();
}

function take(job) {
  if (job.status === "NOTFOUND") {
    drop(job.job_id);
    return;
  }
  let card = cards.get(job.job_id);
  const before = card?.job.status;
  if (!card) {
    card = new Card(cancel);
    cards.set(job.job_id, card);
  }
  arranged &&= before === job.status;
  card.take(job, performance.now());
  changed.add(card);
  if (before === "WORKING" && job.status !== "WORKING") {
    const news = job.status === "DONE" ? text.newsDone : text.newsFailed;
    byId("news").textContent = news(job.output_file_name);
  }
  showing ||= setTimeout(showChanges, SHOW_EVERY_MS);
}

function drop(id) {
  cards.get(id)?.element.remove();
  if (cards.delete(id)) {
    arranged = false;
  }
  showing ||= setTimeout(showChanges, SHOW_EVERY_MS);
}

function sweep() {
  for (const [id, card] of cards) {
    if (card.stale) {
      drop(id);
    }
  }
  const { added } = older;
  older = { token: "", read: false, added: 0 };
  if (added) {
    loadOlder(added);
  }
}

/** Asks for ended jobs that are not here yet, page by page, until there are so many more. */
async function loadOlder(wanted) {
  const button = byId("ended-older");
  button.disabled = true;
  put(byId("older-trouble"), "");
  const enough = older.added + wanted;
  try {
    while (older.added < enough && !older.read) {
      const asked = older;
      const page = await ask("../jobs", [
        ["status", "DONE"],
        ["status", "FAILED"],
        ["page_size", PAGE],
        ["page_token", asked.token],
      ]);
      if (asked !== older) {
        continue; // what was read so far is not counted any more, nor is this
      }
      const unknown = page.data.filter((job) => !cards.has(job.job_id));
      unknown.forEach(take);
      asked.added += unknown.length;
      asked.token = page.next_page_token;
      asked.read = !asked.token;
      lists.ended.most += unknown.length;
      arranged = false;
    }
  } catch (error) {
    put(byId("older-trouble"), text.notLoaded(error.message));
  }
  button.disabled = false;
  showChanges();
}

function showChanges() {
  clearTimeout(showing);
  showing = 0;
  if (!arranged) {
    arrange();
  }
  for (const card of changed) {
    if (card.element.isConnected) {
      card.show(performance.now());
    }
  }
  changed.clear();
}

/** Puts each card in its list, newest first, and moves only those that are elsewhere. */
function arrange() {
  arranged = true;
  const jobs = [...cards.values()];
  const isWorking = (card) => card.job.status === "WORKING";
  fill("working", jobs.filter(isWorking));
  fill("ended", jobs.filter((card) => !isWorking(card)));
  setTitle();
}

function fill(name, members) {
  const { most, after } = lists[name];
  const place = byId(name);
  const compare = (one, other) =>
    after(one.job, other.job) || other.job.job_id.localeCompare(one.job.job_id);
  const shown = members.sort(compare).slice(0, most);
  // First what goes, so that what stays is not moved, and keeps the focus.
  const staying = new Set(shown.map((card) => card.element));
  for (const element of [...place.children].filter((one) => !staying.has(one))) {
    element.remove();
  }
  for (const [i, card] of shown.entries()) {
    if (!card.element.isConnected) {
      changed.add(card);
    }
    if (place.children[i] !== card.element) {
      place.insertBefore(card.element, place.children[i] ?? null);
    }
  }
  const hasOlder = name === "ended" && members.length >= ENDED_LIMIT && !older.read;
  byId(`${name}-count`).textContent = count(members.length) + (hasOlder ? "+" : "");
  byId(`${name}-empty`).hidden = members.length > 0 || connection !== "live";
  byId(`${name}-more`).hidden = members.length <= most;
  if (name === "ended") {
    byId("ended-older").hidden = !hasOlder || members.length > most;
  }
}

async function cancel(card) {
  const { job_id: id, output_file_name: name } = card.job;
  if (!confirm(text.reallyCancel(name))) {
    return;
  }
  card.tell("");
  try {
    // Without "./", the id would be read as the scheme of a URL.
    await call(`./${encodeURIComponent(id)}:cancel`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
    });
  } catch (error) {
    card.tell(text.notCancelled(error.message));
  }
}

function setConnection(state) {
  connection = state;
  const place = byId("connection");
  place.dataset.state = state;
  put(place, text[state]);
  arranged = false; // that there are no jobs is known only from a server
  showing ||= setTimeout(showChanges, SHOW_EVERY_MS);
}

function setTitle() {
  const working = [...cards.values()].filter((card) => card.job.status === "WORKING").length;
  document.title = working ? `(${count(working)}) ${text.title}` : text.title;
}

function showLanguage() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = text[element.dataset.text];
  }
  byId("language").textContent = text.other;
  byId("language").lang = text.otherLanguage;
  setConnection(connection);
  showToken();
  for (const card of cards.values()) {
    changed.add(card);
  }
  arranged = false;
  showChanges();
}

byId("language").addEventListener("click", () => {
  switchLanguage();
  showLanguage();
});
for (const name of Object.keys(lists)) {
  byId(`${name}-more`).addEventListener("click", () => {
    lists[name].most += PAGE;
    arranged = false;
    showChanges();
  });
}
byId("ended-older").addEventListener("click", () => loadOlder(1));
// Time left goes by also while there is no news.
setInterval(() => {
  for (const card of cards.values()) {
    if (card.job.status === "WORKING" && card.element.isConnected) {
      card.show(performance.now());
    }
  }
}, TICK_MS);

// A page that is kept for the way back must not keep a connection, of which a browser has few.
addEventListener("pagehide", disconnect);
addEventListener("pageshow", (event) => event.persisted && connection !== "asking" && connect());

whenTokenIsRefused(stopFor);
whenTokenChanges(() => {
  disconnect();
  clear();
  setConnection("connecting");
  connect();
});
showLanguage();
connect();
