"use strict";
// Every text comes from messages: it is set as text, never as markup.
const chats = document.getElementById("chats");
const empty = chats.querySelector(".empty");
const state = document.getElementById("status");
const visitor = document.getElementById("visitor");
const deleted = document.getElementById("deleted");
const seen = new Map();
let messages = [];

document.getElementById("url").textContent = location.origin + "/v3";

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function time(milliseconds) {
  return new Date(milliseconds).toLocaleTimeString();
}

function shown(message) {
  const item = element("li", "message " + message.kind);
  const version = message.text + (message.deleted ? " deleted" : "");
  if (message.deleted) item.classList.add("gone");
  if (seen.get(message.id) !== version) item.classList.add("fresh");
  seen.set(message.id, version);
  const what = [message.agentName];
  if (message.kind === "agent") what.push("as an agent");
  what.push(time(message.createdAt));
  if (message.deletedAt) what.push("deleted " + time(message.deletedAt));
  else if (message.updatedAt) what.push("changed " + time(message.updatedAt));
  item.append(element("p", "who", what.join(" · ")), element("p", "bubble", message.text));
  item.lastChild.style.margin = 0;
  return item;
}

function draw() {
  const wanted = visitor.value.trim();
  const byVisitor = new Map();
  let there = 0;
  for (const message of messages) {
    if (!message.deleted) there += 1;
    if (message.deleted && !deleted.checked) continue;
    if (!message.visitorId.includes(wanted)) continue;
    if (!byVisitor.has(message.visitorId)) byVisitor.set(message.visitorId, []);
    byVisitor.get(message.visitorId).push(message);
  }
  const cards = [];
  for (const [id, own] of [...byVisitor].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, 500)) {
    const card = element("section", "chat");
    card.append(element("h2", "", id), element("ol"));
    own.sort((a, b) => a.createdAt - b.createdAt);
    card.lastChild.append(...own.map(shown));
    cards.push(card);
  }
  chats.replaceChildren(...(cards.length ? cards : [empty]));
  const more = byVisitor.size > 500 ? `, of which 500 are shown` : "";
  state.textContent = `${there} messages in ${new Set(messages.filter((m) => !m.deleted).map((m) => m.visitorId)).size} chats${more}`;
}

async function load() {
  const answer = await fetch("/_sandbox/messages");
  messages = await answer.json();
  draw();
}

const events = new EventSource("/_sandbox/events");
events.onmessage = load;
events.onerror = () => { state.textContent = "the sandbox has ended"; };
visitor.addEventListener("input", draw);
deleted.addEventListener("change", draw);
document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
