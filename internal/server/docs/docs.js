// Shows /openapi.json. Everything is put in as text, never as markup.
"use strict";

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
};

const resolver = (document_) => (schema) =>
  schema && schema.$ref
    ? schema.$ref.split("/").slice(1).reduce((at, key) => at[key.replaceAll("~1", "/").replaceAll("~0", "~")], document_)
    : schema || {};

const shortName = (reference) => reference.split(/[/.]/).pop();

function kindOf(schema) {
  if (schema.$ref) return shortName(schema.$ref);
  if (schema.allOf && schema.allOf.length === 1) return kindOf(schema.allOf[0]);
  if (schema.type === "array") return "list of " + kindOf(schema.items || {});
  if (schema.anyOf || schema.oneOf) return (schema.anyOf || schema.oneOf).map(kindOf).filter((kind, i, all) => all.indexOf(kind) === i).join(" or ");
  const type = Array.isArray(schema.type) ? schema.type.filter((t) => t !== "null").join(" or ") : schema.type || "any";
  return schema.format ? `${type} (${schema.format})` : type;
}

// What a reference leads to, where that is a message of ours.
function referenced(schema) {
  if (schema.$ref) return schema.$ref.includes("ovasabi.") ? schema.$ref : null;
  for (const inner of [schema.items, ...(schema.allOf || [])]) {
    const found = inner && referenced(inner);
    if (found) return found;
  }
  return null;
}

function properties(schema, resolve) {
  const all = { ...(schema.properties || {}) };
  for (const part of [...(schema.allOf || []), ...(schema.oneOf || []), ...(schema.anyOf || [])])
    Object.assign(all, properties(resolve(part), resolve));
  return all;
}

const describe = (schema) => (schema.description || "").replace(/\n /g, "\n").trim();

function fields(schema, resolve, above = []) {
  const table = make("table");
  for (const [name, field] of Object.entries(properties(schema, resolve))) {
    const about = make("td", { class: "text" }, describe(field));
    const reference = referenced(field);
    if (reference && !above.includes(reference)) {
      const inner = make("details", {}, make("summary", {}, "fields of " + shortName(reference)));
      inner.addEventListener("toggle", () => inner.append(fields(resolve({ $ref: reference }), resolve, [...above, reference])), { once: true });
      about.append(inner);
    }
    table.append(make("tr", {}, make("td", {}, make("code", {}, name)), make("td", { class: "kind" }, kindOf(field)), about));
  }
  return table.rows.length ? table : make("p", {}, "No fields.");
}

function procedure(path, operation, both, resolve) {
  const body = (content) => resolve(((content || {})["application/json"] || {}).schema);
  const request = body((operation.requestBody || {}).content);
  const response = body((((operation.responses || {})["200"] || {}).content));
  const id = path.split("/").pop();
  const streaming = !((operation.requestBody || {}).content || {})["application/json"];
  const curl = `curl -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\\n  --data '{}' ${location.origin}${path}`;
  return make("section", { id, "data-find": JSON.stringify([path, operation.description, properties(request, resolve)]).toLowerCase() },
    make("h3", {}, operation.summary || id),
    make("div", { class: "path" }, make("code", {}, "POST " + path), both ? " or GET" : "", streaming ? " (stream)" : ""),
    make("p", { class: "text" }, (operation.description || "").replace(/\n /g, "\n")),
    streaming ? null : make("details", {}, make("summary", {}, "curl"), make("pre", {}, curl)),
    make("h4", {}, "Request"), fields(request, resolve), make("h4", {}, "Response"), fields(response, resolve));
}

async function show() {
  const answer = await fetch("/openapi.json");
  if (!answer.ok) throw new Error(`/openapi.json: ${answer.status}`);
  const openapi = await answer.json();
  const resolve = resolver(openapi);
  document.getElementById("title").textContent = openapi.info.title + " API";
  document.getElementById("about").textContent = openapi.info.description || "";
  const contents = document.getElementById("contents");
  const procedures = document.getElementById("procedures");
  procedures.replaceChildren();
  const lists = new Map();
  for (const [path, item] of Object.entries(openapi.paths).sort(([a], [b]) => a.localeCompare(b))) {
    const operation = item.post || item.get;
    const tag = (operation.tags || [""])[0];
    if (!lists.has(tag)) {
      lists.set(tag, make("ul"));
      contents.append(make("h2", {}, tag), lists.get(tag));
      procedures.append(make("h2", {}, tag));
    }
    const section = procedure(path, operation, Boolean(item.post && item.get), resolve);
    lists.get(tag).append(make("li", {}, make("a", { href: "#" + section.id }, operation.summary || section.id)));
    procedures.append(section);
  }
  document.getElementById("find").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const section of procedures.querySelectorAll("section")) section.hidden = !section.dataset.find.includes(wanted);
  });
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

show().catch((error) => { document.getElementById("procedures").textContent = "The document cannot be shown: " + error.message; });
