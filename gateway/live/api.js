// Calls of the API, with the token of this tab where the server asks for one.

import { text } from "./texts.js";

const STORED = "myd-token";
/** No page of another site can have a browser send this: the gateway asks it of browsers. */
const OURS = { "X-Requested-With": "myd" };
/** What a header can carry; nothing else is a token. */
const VISIBLE = /^[!-~]*$/;

/** A call that was refused. The status is that of HTTP; 0 is for no answer at all. */
export class Refused extends Error {
  constructor(status, message, retryMs = 0) {
    super(message);
    this.status = status;
    this.retryMs = retryMs;
  }
}

let token = stored();
let onRefusedToken = () => {};

function stored() {
  try {
    return sessionStorage.getItem(STORED) ?? "";
  } catch {
    return ""; // a browser may forbid it
  }
}

/** Takes a token for this tab, and for as long as it is open; "" forgets it. */
export function useToken(value) {
  token = value.trim().replace(/^bearer\s+/i, "");
  try {
    sessionStorage.setItem(STORED, token);
  } catch {
    // it is then only for this page
  }
}

export const hasToken = () => token !== "";

/** Has a function called with what is wrong whenever the server does not take the token. */
export function whenTokenIsRefused(then) {
  onRefusedToken = then;
}

/** Makes a call; anything but success is a Refused. */
export async function call(path, { headers, ...options } = {}) {
  const used = token;
  if (!VISIBLE.test(used)) {
    throw refusedToken(used, new Refused(401, text.tokenWrong));
  }
  const credential = used ? { Authorization: `Bearer ${used}` } : {};
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { ...OURS, ...credential, ...headers } });
  } catch {
    throw new Refused(0, text.lost);
  }
  if (!answer.ok) {
    const { message } = await answer.json().catch(() => ({ message: answer.statusText }));
    const retryMs = 1000 * (Number(answer.headers.get("Retry-After")) || 0);
    throw refusedToken(used, new Refused(answer.status, message, retryMs));
  }
  return answer;
}

/** A refusal, of which the page is told if it is one of the token that is still in use. */
function refusedToken(used, refused) {
  if (refused.status === 401 && used === token) {
    onRefusedToken(refused);
  }
  return refused;
}

/** What the API answers to a question; an Error says why there is no answer. */
export async function ask(path, query) {
  return (await call(`${path}?${new URLSearchParams(query)}`)).json();
}

/**
 * The events of a stream, after one named "open" that says that it stands. It throws a Refused where it
 * breaks. An EventSource, which does the same, sends no token.
 */
export async function* events(path, signal) {
  const used = token;
  const answer = await call(path, { signal, headers: { Accept: "text/event-stream" } });
  yield { name: "open" };
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read().catch(() => ({ done: true }));
    if (done) {
      throw new Refused(0, text.lost);
    }
    const pieces = (rest + value).split("\n\n");
    rest = pieces.pop();
    for (const event of pieces.map(parsed).filter((one) => one.data)) {
      if (event.name === "failure") {
        throw refusedToken(used, failure(JSON.parse(event.data).error));
      }
      yield event;
    }
  }
}

/** An event as the gateway writes it: one line for each field. */
function parsed(piece) {
  const fields = { event: "message" };
  for (const line of piece.split("\n")) {
    const [, name, value] = /^(\w*): ?(.*)$/.exec(line) ?? [];
    fields[name] = value;
  }
  return { name: fields.event, data: fields.data };
}

const UNAUTHENTICATED = 16;
const PERMISSION_DENIED = 7;

function failure({ code, message }) {
  const status = { [UNAUTHENTICATED]: 401, [PERMISSION_DENIED]: 403 }[code] ?? 0;
  return new Refused(status, message);
}
