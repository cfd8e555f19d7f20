"use strict";
// Everything is set as text, never as markup: keys come from files, and words from servers.
const mostMessages = 200;
const mostUnknown = 20;
const pause = 500;
const byId = (id) => document.getElementById(id);
let last = null;
let asked = 0;
let waits = false;

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function number(n) {
  return n.toLocaleString("en");
}

function count(n, one, many) {
  return `${number(n)} ${n === 1 ? one : many}`;
}

// "2 h 5 min".
function duration(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0 s";
  const [unit, size] = units[first];
  const whole = Math.floor(seconds / size);
  const rest = units[first + 1];
  const more = rest && unit !== "min" && whole < 100 ? Math.floor((seconds % size) / rest[1]) : 0;
  return `${whole} ${unit}${more ? ` ${more} ${rest[0]}` : ""}`;
}

function clock(instant) {
  const at = new Date(instant);
  const today = at.toDateString() === new Date().toDateString();
  return at.toLocaleString([], today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
}

// "14:05 (in 3 min)", "13:58 (4 min ago)".
function then(instant) {
  const seconds = Math.round((new Date(instant) - Date.now()) / 1000);
  const far = duration(Math.abs(seconds));
  return `${clock(instant)} (${seconds > 0 ? `in ${far}` : `${far} ago`})`;
}

const verbs = { restore: "put right", resend: "send again" };
const statuses = {
  changed: "changed there", gone: "gone there", forgotten: "gone there, left so", replacing: "being replaced",
  updating: "update without outcome", deleting: "delete without outcome", unknown: "unknown",
};

function isRight(message) {
  const odd = Object.entries(message.statuses).some(([status, n]) => status !== "ok" && n > 0);
  return !odd && Object.keys(message.changes).length === 0 && message.wanted === message.live;
}

function notes(message) {
  const found = [];
  for (const [action, n] of Object.entries(message.changes)) {
    if (action !== "unknown") found.push(`${number(n)} to ${verbs[action] || action}`);
  }
  for (const [status, n] of Object.entries(message.statuses)) {
    if (statuses[status] && n > 0) found.push(`${number(n)} ${statuses[status]}`);
  }
  if (message.opens) found.push(`opens ${then(message.opens)}`);
  else if (message.closes) found.push(`closes ${then(message.closes)}`);
  return found.join(", ");
}

function waiting(wait) {
  const changes = count(wait.count, "change", "changes");
  const deliveries = count(wait.count, "delivery", "deliveries");
  const done = wait.done_at ? `; the last about ${then(wait.done_at)}` : "";
  switch (wait.for) {
    case "budget": return `${changes} for the budget${wait.until ? `, until ${then(wait.until)}` : ""}${done}`;
    case "apply": return `${changes} for the next cycle${done}`;
    case "approval": return `${changes} for somebody who agrees`;
    case "decision": return `${deliveries} for a decision: pushsync state resolve`;
    case "opening": return `${wait.key} opens ${then(wait.until)}: ${deliveries}`;
    case "closing": return `${wait.key} closes ${then(wait.until)}: ${deliveries}`;
    default: return `${changes}: ${wait.for}`;
  }
}

function list(id, lines) {
  byId(id).replaceChildren(...lines.map((line) => element("li", "", line)));
}

function drawProcess(process, reached) {
  const { phase, last: cycle } = process;
  const words = [];
  if (!reached) words.push("the process does not answer");
  else if (phase.is === "working") words.push(`works since ${clock(phase.since)}`);
  else if (phase.is === "ending") words.push("ends");
  else words.push(`waits; the next cycle begins ${then(phase.until)} (${phase.why})`);
  if (cycle) {
    const did = cycle.applied ? `, ${count(cycle.applied, "change", "changes")} applied` : "";
    const failed = cycle.failed ? `, ${number(cycle.failed)} failed` : "";
    words.push(`the last one ended ${then(cycle.ended)}: ${cycle.words}${did}${failed}`);
  }
  byId("process").textContent = words.join("; ");
  const good = reached && (!cycle || cycle.good);
  document.body.className = good ? "good" : "bad";
  const problem = cycle && cycle.problem;
  byId("problem").hidden = !problem;
  byId("problem").textContent = problem || "";
}

function drawBudget(budget) {
  const left = byId("left");
  left.hidden = !budget || budget.limit >= 1e7;
  if (!budget) return;
  if (budget.limit >= 1e7) {
    byId("budget").textContent = "No limit that matters.";
    return;
  }
  left.max = budget.limit || 1;
  left.value = budget.remaining;
  let until = "";
  if (budget.retry_at) until = `; the API wants a pause until ${then(budget.retry_at)}`;
  else if (budget.resets_at) until = `; whole again ${then(budget.resets_at)}`;
  byId("budget").textContent =
    `${number(budget.remaining)} of ${number(budget.limit)} requests left${budget.assumed ? ", as is assumed" : ""}${until}`;
}

function drawMessages(messages) {
  const rows = [...messages].sort((a, b) => isRight(a) - isRight(b));
  byId("messages-part").hidden = rows.length === 0;
  byId("messages").replaceChildren(...rows.slice(0, mostMessages).map((message) => {
    const row = element("tr");
    const key = element("th");
    key.scope = "row";
    key.append(element("code", "", message.key));
    const wanted = message.wanted === null ? "?" : number(message.wanted);
    row.append(key, element("td", "number", `${number(message.live)} of ${wanted}`), element("td", "", notes(message)));
    return row;
  }));
  const more = rows.length - mostMessages;
  byId("more").hidden = more <= 0;
  byId("more").textContent = `… and ${count(more, "message", "messages")} more`;
}

function drawStatus(status) {
  const { state, waits: all, unknown, runs } = status;
  byId("environment").textContent = status.environment;
  byId("where").textContent = `${status.api ? `At ${status.api}, ` : ""}state in “${state.location}”, as of ${clock(status.as_of)}`;
  document.title = `pushsync status of ${status.environment}`;
  const counted = Object.entries(status.deliveries || {}).filter(([name, n]) => n > 0 || name === "ok");
  byId("counts").replaceChildren(...counted.map(([name, n]) => {
    return element("li", name === "ok" ? "" : "odd", name === "ok" ? count(n, "delivery", "deliveries") + " as applied" : `${number(n)} ${statuses[name] || name}`);
  }));
  drawMessages(status.messages);
  list("waits", all.length ? all.slice(0, mostMessages).map(waiting) : ["Nothing: all is as the manifest says."]);
  byId("unknown-part").hidden = unknown.length === 0;
  const lines = unknown.slice(0, mostUnknown).map(({ address, sent_at: at, trouble }) => `${address}: sent ${then(at)}${trouble ? `, ${trouble}` : ""}`);
  if (unknown.length > mostUnknown) lines.push(`… and ${number(unknown.length - mostUnknown)} more`);
  list("unknown", lines);
  byId("runs-part").hidden = runs.length === 0;
  list("runs", runs.map((run) => {
    const did = [[run.done, "done"], [run.failed, "failed"], [run.unknown, "unknown"]]
      .filter(([n]) => n > 0).map(([n, what]) => `${number(n)} ${what}`).join(", ") || "no changes";
    const stopped = run.stopped ? `, stopped: ${run.stopped}` : "";
    const commit = run.commit ? `, ${run.commit.slice(0, 7)}${run.dirty ? " with changes" : ""}` : "";
    return `${clock(run.started_at)}: ${run.command}: ${did}, ${count(run.requests, "request", "requests")}${stopped}${commit}`;
  }));
}

function draw(reached) {
  if (!last) {
    if (!reached) byId("process").textContent = "the process does not answer";
    return;
  }
  drawProcess(last.process, reached);
  drawBudget(last.budget);
  byId("version").textContent = last.version;
  if (last.status) drawStatus(last.status);
}

async function ask() {
  const own = ++asked;
  try {
    const answer = await fetch("/status.json");
    const found = await answer.json();
    if (own === asked) last = found;
    draw(true);
  } catch {
    draw(false);
  }
}

// Events may come quickly: at most one question in each pause.
function refresh() {
  if (waits) return;
  waits = true;
  setTimeout(() => { waits = false; ask(); }, pause);
}

const events = new EventSource("/events");
events.onmessage = refresh;
events.onerror = () => draw(false);
ask();
// Times pass.
setInterval(() => draw(events.readyState === EventSource.OPEN), 10000);
