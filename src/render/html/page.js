
"use strict";
(() => {
  const id = (name) => document.getElementById(name);
  const box = id("filter");
  if (!box) return;
  const [key, action, visitor] = [id("by-key"), id("by-action"), id("by-visitor")];
  const names = (node) =>
    [...node.querySelectorAll(".visitor")].map((one) => one.textContent.toLowerCase());
  const entries = [...document.querySelectorAll("article")].map((node) => ({
    node,
    key: node.dataset.key,
    action: node.dataset.action,
    names: names(node),
    variants: [...node.querySelectorAll(".variant")].map((one) => ({ node: one, names: names(one) })),
  }));
  const has = (names, wanted) => !wanted || names.some((name) => name.includes(wanted));
  const filter = () => {
    const wanted = visitor.value.trim().toLowerCase();
    const part = key.value.trim().toLowerCase();
    let shown = 0;
    for (const entry of entries) {
      const fits =
        entry.key.includes(part) &&
        (!action.value || entry.action === action.value) &&
        has(entry.names, wanted);
      entry.node.hidden = !fits;
      if (!fits) continue;
      shown += 1;
      for (const variant of entry.variants) {
        variant.node.hidden = variant.names.length > 0 && !has(variant.names, wanted);
      }
    }
    id("found").textContent = `${shown} of ${entries.length} entries`;
  };
  for (const field of [key, action, visitor]) field.addEventListener("input", filter);
  box.hidden = false;
  filter();
})();
