"use strict";
const chats = document.getElementById("chats");
const empty = chats.querySelector(".empty");
const state = document.getElementById("status");
const problems = document.getElementById("problems");
const key = document.getElementById("key");
const visitor = document.getElementById("visitor");
const language = document.getElementById("language");
const turn = document.getElementById("turn");
const at = document.getElementById("at");
let asked = 0;

// The chosen one stays chosen, if it is still there.
function options(select, list) {
  const chosen = select.value;
  select.replaceChildren(...list.map(([value, text]) => {
    const option = element("option", "", text);
    option.value = value;
    return option;
  }));
  if (list.some(([value]) => value === chosen)) select.value = chosen;
}

function local(instant) {
  return new Date(instant).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

// As RFC 3339; nothing stands for now.
function instant() {
  if (turn.value !== "other") return turn.value;
  const chosen = new Date(at.value);
  return Number.isNaN(chosen.valueOf()) ? "" : chosen.toISOString();
}

// The value of a field for the local time.
function field(instant) {
  const date = new Date(instant);
  return new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}

function zone(instant) {
  const parts = new Intl.DateTimeFormat([], { timeZoneName: "longOffset" }).formatToParts(new Date(instant));
  const offset = parts.find((part) => part.type === "timeZoneName");
  return `${Intl.DateTimeFormat().resolvedOptions().timeZone} (${offset ? offset.value : "UTC"})`;
}

// The field says which instant the page shows, unless somebody is typing another one.
function tell(instant) {
  if (turn.value !== "other") at.value = field(instant);
  document.getElementById("zone").textContent = zone(instant);
}

function about(message) {
  const language = message.language ? ` · ${message.language}` : "";
  return `${message.key} · ${message.from}${language}${message.kind === "agent" ? " · as an agent" : ""}`;
}

function draw({ problems: found, broken, view }) {
  problems.textContent = found;
  problems.hidden = found === "";
  document.body.classList.toggle("broken", broken);
  if (!view) {
    state.textContent = "the project has errors";
    chats.replaceChildren();
    return;
  }
  const absent = (one) => (one.absent ? ` (${one.absent})` : "");
  options(key, [["", "all"], ...view.keys.map((one) => [one.key, one.key + absent(one)])]);
  options(language, [["", "all"], ...view.languages.map((one) => [one.language, `${one.language} (${count(one.deliveries, "message")}${one.fallback ? ", the fallback" : ""})`])]);
  document.getElementById("languages").hidden = view.languages.length === 0;
  const turns = view.instants.map((one) => [one.at, `${local(one.at)}: ${one.what}`]);
  const now = Math.abs(new Date(view.at) - Date.now()) < 120000;
  const first = turn.value === "" && !now ? `as of ${local(view.at)}` : turn.options[0].textContent;
  options(turn, [["", first], ...turns, ["other", "another…"]]);
  tell(view.at);
  const visitors = drawChats(chats, view.messages, about, empty);
  const more = view.more ? `, of which the chats of ${visitors} visitors are shown` : ` in ${count(visitors, "chat")}`;
  const since = broken ? "; the project has errors, and this is how it was before" : "";
  state.textContent = `${view.environment}: ${count(view.deliveries, "message")}${more}${since}`;
}

async function load() {
  const query = new URLSearchParams({ at: instant(), key: key.value, visitor: visitor.value.trim(), language: language.value });
  const mine = ++asked;
  const answer = await fetch("/view?" + query);
  // A later question may be answered sooner.
  if (answer.ok && mine === asked) draw(await answer.json());
}

const events = new EventSource("/events");
events.onmessage = load;
events.onerror = () => { state.textContent = "the preview has ended"; };
at.addEventListener("input", () => { turn.value = "other"; });
for (const control of [key, visitor, language, turn, at]) control.addEventListener("input", load);
document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
