"use strict";
// Every text comes from messages: it is set as text, never as markup.
const mostChats = 500;
const seen = new Map();

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function count(n, what) {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}

// A message as a bubble, below the words about it; what is new since the last time shines.
function bubble(message, about) {
  const item = element("li", "message " + message.kind);
  const version = message.text + (message.deleted ? " deleted" : "");
  if (message.deleted) item.classList.add("gone");
  if (seen.get(message.id) !== version) item.classList.add("fresh");
  seen.set(message.id, version);
  item.append(element("p", "who", about(message)), element("p", "bubble", message.text));
  return item;
}

// Draws a card for each visitor, and says how many visitors there are.
function drawChats(into, messages, about, empty) {
  const byVisitor = new Map();
  for (const message of messages) {
    if (!byVisitor.has(message.visitorId)) byVisitor.set(message.visitorId, []);
    byVisitor.get(message.visitorId).push(message);
  }
  const inOrder = [...byVisitor].sort(([a], [b]) => (a < b ? -1 : 1));
  const cards = inOrder.slice(0, mostChats).map(([id, own]) => {
    const card = element("section", "chat");
    card.append(element("h2", "", id), element("ol"));
    card.lastChild.append(...own.map((message) => bubble(message, about)));
    return card;
  });
  into.replaceChildren(...(cards.length ? cards : [empty]));
  return byVisitor.size;
}
