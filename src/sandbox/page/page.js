"use strict";
const chats = document.getElementById("chats");
const empty = chats.querySelector(".empty");
const state = document.getElementById("status");
const visitor = document.getElementById("visitor");
const deleted = document.getElementById("deleted");
let messages = [];

document.getElementById("url").textContent = location.origin + "/v3";

function time(milliseconds) {
  return new Date(milliseconds).toLocaleTimeString();
}

function about(message) {
  const words = [message.agentName];
  if (message.kind === "agent") words.push("as an agent");
  words.push(time(message.createdAt));
  if (message.deletedAt) words.push("deleted " + time(message.deletedAt));
  else if (message.updatedAt) words.push("changed " + time(message.updatedAt));
  return words.join(" · ");
}

function draw() {
  const wanted = visitor.value.trim();
  const there = messages.filter((message) => !message.deleted);
  const shown = (deleted.checked ? messages : there).filter((message) => message.visitorId.includes(wanted));
  shown.sort((a, b) => a.createdAt - b.createdAt);
  const visitors = drawChats(chats, shown, about, empty);
  const more = visitors > mostChats ? `, of which ${mostChats} are shown` : "";
  const everywhere = new Set(there.map((message) => message.visitorId)).size;
  state.textContent = `${count(there.length, "message")} in ${count(everywhere, "chat")}${more}`;
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
