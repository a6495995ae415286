// What the page says, in both languages, and how numbers and times are written in them. Spaces that
// are kept together with a number are written \u00a0.

/** A count, already written as the language does, with its noun. */
const some = (n, noun) => `${n}\u00a0${noun}${n === "1" ? "" : "s"}`;

const en = {
  title: "myd jobs",
  api: "API",
  other: "한국어",
  otherLanguage: "ko",
  connecting: "Connecting…",
  live: "Live",
  lost: "Connection lost; trying again…",
  asking: "Waiting for a token",
  token: "Token",
  tokenTitle: "A token, please",
  tokenNeeded: "This server shows jobs to those who have a token.",
  tokenWrong: "The server does not take this token, or not any more.",
  tokenDenied: (why) => `The server takes this token, but does not show jobs for it: ${why}`,
  tokenUse: "Show jobs",
  tokenKept: "It is kept in this tab only, until you close it.",
  tokenForget: "Forget token",
  working: "Working or waiting",
  ended: "Ended",
  noneWorking: "No job is working or waiting.",
  noneEnded: "No job has ended yet.",
  more: "Show more",
  older: "Load older jobs",
  moreTables: "Load more tables",
  notLoaded: (why) => `Not loaded: ${why}`,
  WORKING: "working",
  DONE: "done",
  FAILED: "failed",
  waiting: "waiting",
  PHASE_QUEUED: "waiting for a free worker",
  PHASE_PUBLISHING: "putting the files in place",
  PHASE_WAITING_FOR_KEY: "interrupted: hand the key over with python client.py resume, or send the request again",
  cancel: "Cancel",
  cancelOf: (name) => `Cancel ${name}`,
  reallyCancel: (name) => `Cancel the conversion “${name}”? What it has written is removed.`,
  notCancelled: (why) => `Not cancelled: ${why}`,
  progressOf: (name) => `Progress of ${name}`,
  of: (done, total) => `${done} of\u00a0${total}`,
  rate: (size) => `${size}/s`,
  left: (time) => `${time}\u00a0left`,
  records: (n) => some(n, "record"),
  rejects: (n) => `${n} of\u00a0them rejected (rejects.csv)`,
  rows: (n) => some(n, "row"),
  readAs: (layout) => `read as\u00a0${layout}`,
  checksums: "with\u00a0checksums",
  files: (done, total) => `file\u00a0${done} of\u00a0${total}`,
  moreFiles: (n) => `and ${n} more`,
  took: (time) => `took\u00a0${time}`,
  instant: "under\u00a01\u00a0s",
  note: (msg) => `note: ${msg}`,
  endedAt: (time) => `ended\u00a0${time}`,
  tables: (tables, rows, place) => `${some(tables, "table")}, ${some(rows, "row")} in ${place}`,
  table: "Table",
  rowsHead: "Rows",
  filesHead: "Files",
  sizeHead: "Size",
  newsDone: (name) => `${name} is done.`,
  newsFailed: (name) => `${name} has failed.`,
  units: ["h", "min", "s"],
  reasons: {
    FILE_NOT_FOUND: "File not found",
    FILE_UNREADABLE: "File cannot be read",
    WRONG_KEY: "Wrong key",
    INVALID_JSON: "Not valid JSON",
    RECORD_PATH_NOT_FOUND: "Record path not found",
    OUTPUT_UNAVAILABLE: "Output cannot be written",
    LIMIT_EXCEEDED: "Limit exceeded",
    DISK_FULL: "Disk full",
    CANCELLED: "Cancelled",
    INTERRUPTED: "Interrupted",
    WORKER_DIED: "Worker died",
    INTERNAL: "Internal error",
  },
};

const ko = {
  title: "myd 작업 현황",
  api: "API",
  other: "English",
  otherLanguage: "en",
  connecting: "연결 중…",
  live: "실시간",
  lost: "연결이 끊겼습니다. 다시 연결하는 중…",
  asking: "토큰을 기다리는 중",
  token: "토큰",
  tokenTitle: "토큰을 입력하세요",
  tokenNeeded: "이 서버의 작업을 보려면 토큰이 필요합니다.",
  tokenWrong: "서버가 이 토큰을 받아들이지 않습니다. 더 이상 쓸 수 없는 토큰일 수 있습니다.",
  tokenDenied: (why) => `유효한 토큰이지만 작업을 볼 권한이 없습니다: ${why}`,
  tokenUse: "작업 보기",
  tokenKept: "토큰은 이 탭에만 보관되며, 탭을 닫으면 지워집니다.",
  tokenForget: "토큰 지우기",
  working: "진행 중·대기 중",
  ended: "종료됨",
  noneWorking: "진행 중이거나 대기 중인 작업이 없습니다.",
  noneEnded: "종료된 작업이 아직 없습니다.",
  more: "더 보기",
  older: "이전 작업 불러오기",
  moreTables: "표 더 불러오기",
  notLoaded: (why) => `불러오지 못했습니다: ${why}`,
  WORKING: "진행 중",
  DONE: "완료",
  FAILED: "실패",
  waiting: "대기 중",
  PHASE_QUEUED: "작업 순서를 기다리는 중",
  PHASE_PUBLISHING: "파일을 내보내는 중",
  PHASE_WAITING_FOR_KEY: "중단됨: python client.py resume으로 키를 다시 넘기거나 같은 요청을 다시 보내십시오",
  cancel: "취소",
  cancelOf: (name) => `${name} 취소`,
  reallyCancel: (name) => `‘${name}’ 변환을 취소하시겠습니까? 지금까지 쓴 파일은 삭제됩니다.`,
  notCancelled: (why) => `취소하지 못했습니다: ${why}`,
  progressOf: (name) => `${name} 진행률`,
  of: (done, total) => `${done} / ${total}`,
  rate: (size) => `초당 ${size}`,
  left: (time) => `${time}\u00a0남음`,
  records: (n) => `레코드\u00a0${n}건`,
  rejects: (n) => `그중 ${n}건 제외(rejects.csv)`,
  rows: (n) => `${n}행`,
  readAs: (layout) => `${layout} 형식으로 읽음`,
  checksums: "체크섬\u00a0포함",
  files: (done, total) => `파일\u00a0${done}/${total}`,
  moreFiles: (n) => `외 ${n}개`,
  took: (time) => `${time}\u00a0걸림`,
  instant: "1초\u00a0미만",
  note: (msg) => `참고: ${msg}`,
  endedAt: (time) => `${time}\u00a0종료`,
  tables: (tables, rows, place) => `표 ${tables}개, ${rows}행, 위치 ${place}`,
  table: "표",
  rowsHead: "행 수",
  filesHead: "파일 수",
  sizeHead: "크기",
  newsDone: (name) => `${name} 작업이 완료되었습니다.`,
  newsFailed: (name) => `${name} 작업이 실패했습니다.`,
  units: ["시간", "분", "초"],
  reasons: {
    FILE_NOT_FOUND: "파일을 찾을 수 없음",
    FILE_UNREADABLE: "파일을 읽을 수 없음",
    WRONG_KEY: "키가 맞지 않음",
    INVALID_JSON: "올바른 JSON이 아님",
    RECORD_PATH_NOT_FOUND: "레코드 경로를 찾을 수 없음",
    OUTPUT_UNAVAILABLE: "출력 위치에 쓸 수 없음",
    LIMIT_EXCEEDED: "한도 초과",
    DISK_FULL: "디스크 공간 부족",
    CANCELLED: "취소됨",
    INTERRUPTED: "중단됨",
    WORKER_DIED: "작업 프로세스가 종료됨",
    INTERNAL: "내부 오류",
  },
};

const TEXTS = { en, ko };
const STORED = "myd-language";

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null; // a browser may forbid it
  }
}

function preferred() {
  const asked = new URLSearchParams(location.search).get("lang");
  const wishes = [asked, stored(), ...navigator.languages].map((one) => String(one).slice(0, 2));
  return wishes.find((one) => Object.hasOwn(TEXTS, one)) ?? "en";
}

export let language = preferred();
export let text = TEXTS[language];

export function switchLanguage() {
  language = text.otherLanguage;
  text = TEXTS[language];
  try {
    localStorage.setItem(STORED, language);
  } catch {
    // it is then only for this visit
  }
}

export const count = (value) => new Intl.NumberFormat(language).format(Number(value));

export const percent = (value) =>
  new Intl.NumberFormat(language, {
    style: "percent",
    minimumFractionDigits: 1,
    // 99.96 is not yet 100.
    roundingMode: "floor",
  }).format(value / 100);

/** A size in decimal units, as the command line shows it. */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = Number(bytes);
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(unit ? 1 : 0)}\u00a0${units[unit]}`;
}

/** A duration in its two largest units. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const values = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const first = values.findIndex((one) => one > 0);
  const from = first < 0 ? 2 : first;
  const space = language === "ko" ? "" : "\u00a0";
  return values
    .map((value, i) => [value, `${value}${space}${text.units[i]}`])
    .filter(([value], i) => i === from || (i === from + 1 && value > 0))
    .map(([, shown]) => shown)
    .join("\u00a0");
}

/** A time of day, with the date where it is not today. */
export function moment(seconds) {
  const time = new Date(seconds * 1000);
  const today = time.toDateString() === new Date().toDateString();
  const style = today ? { timeStyle: "medium" } : { dateStyle: "medium", timeStyle: "medium" };
  return new Intl.DateTimeFormat(language, style).format(time);
}
