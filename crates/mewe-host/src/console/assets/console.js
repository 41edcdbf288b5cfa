// What the page does beyond links and forms: it is told what happens, keeps still what is being read, and knows keys.
// Everything shown comes from the server as HTML that was escaped there; this script puts it where it belongs.
"use strict";
const [KEEP, MOST] = [160, 400]; // rows of a list at its end, and of one that is read further up
const [AGAIN, POLITE] = [2000, 5000]; // milliseconds between attempts to reach the host, and between things said aloud
const $ = (selector, from = document) => from.querySelector(selector);
const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
const here = () => location.pathname + location.search;
const click = (selector) => $(selector)?.click();
const submit = (selector) => $(selector)?.requestSubmit();
const mark = (element, name, on, value = "true") => (on ? element.setAttribute(name, value) : element.removeAttribute(name));
const app = $("#app");
document.documentElement.classList.add("js");

// ---------- the stream: one a page, closed while nobody looks, resumed where it was ----------
let [after, waiting, stream, retry] = [app.dataset.after, []];
function connect() {
  clearTimeout(retry);
  stream = stream?.close();
  if (after === undefined || document.hidden) return;
  const source = (stream = new EventSource(`/live?after=${after}&page=${encodeURIComponent(here())}`));
  source.onopen = () => reached(true);
  source.onerror = () => {
    if (source !== stream) return;
    source.close();
    reached(false);
    retry = setTimeout(connect, AGAIN);
  };
  source.addEventListener("news", (event) => {
    if (source !== stream) return;
    after = event.lastEventId;
    waiting.push(JSON.parse(event.data));
    if (waiting.length === 1) requestAnimationFrame(arrive);
  });
  const words = "Something is missing here; load the page again to see all.";
  source.addEventListener("gap", () => $$("#rows, .msgs").forEach((list) => list.append(row("gap", words))));
}
// Whether the host answers.
async function reached(well) {
  const live = $("#live");
  live.classList.toggle("off", !well);
  live.firstElementChild.textContent = well ? "Live" : "Reconnecting";
  for (const send of $$(".send")) send.disabled = !well;
  if (well) return $("#notice")?.remove();
  if (!$("#notice")) app.append($("#lost").content.cloneNode(true));
  // A stream does not say why it was refused: a page does.
  const answer = await fetch("/keys", { headers: { "HX-Request": "true" } }).catch(() => null);
  const login = answer?.status === 401 && answer.headers.get("HX-Redirect");
  if (login) location.assign(login);
}
document.addEventListener("visibilitychange", connect);

// ---------- what arrives: one batch a frame, and nothing that is being read moves ----------
function arrive() {
  const held = $$(".end-first").map(hold);
  const [coming, lists] = [document.createDocumentFragment(), new Map()];
  for (const html of waiting.splice(0)) {
    const part = document.createElement("template");
    part.innerHTML = html;
    for (const element of [...part.content.children]) {
      const list = element instanceof HTMLTemplateElement ? element.dataset.into : null;
      for (const item of list === null ? [element] : [...element.content.children]) {
        if (patch(item.id ? item : $("[id]", item), coming) || !list) continue;
        lists.set(item, list);
        coming.append(item);
      }
    }
  }
  const rows = [...coming.children];
  for (const list of $$("#rows, .msgs")) bring(list, rows.filter((item) => lists.get(item) === list.id));
  for (const release of held) release();
  tie();
  count();
}
// Rows come to their places; what is older than all that is shown is not shown.
function bring(list, items) {
  const rows = $$(":scope > [data-key]", list);
  const [first, last] = [rows[0]?.dataset.key ?? "", rows.at(-1)?.dataset.key ?? ""];
  items = items.filter((item) => item.dataset.key >= first);
  if (!items.length) return;
  const scroll = list.closest(".scroll");
  const following = follows(scroll);
  $(".nothing, .legend", scroll)?.remove();
  if (!following) newer(scroll, items);
  if (list.dataset.cut || (!following && rows.length + items.length > MOST)) return void (list.dataset.cut = "1");
  for (const item of following ? items.slice(-KEEP) : items) {
    const key = item.dataset.key;
    key >= last ? list.append(item) : rows.findLast((row) => row.dataset.key <= key).after(item);
    (item.matches(".msg") ? item : $(".w", item))?.classList.add("fresh");
    htmx.process(item);
    if (item.matches(".msg")) told.messages += 1;
  }
}
// The element with the same id becomes what the server says; focus, what is open, and the element itself stay.
function patch(element, coming) {
  const old = document.getElementById(element.id) ?? coming.getElementById(element.id);
  if (!old) return false;
  const focused = old !== document.activeElement && old.contains(document.activeElement) && document.activeElement.id;
  for (const { name } of [...old.attributes]) if (!element.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of element.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  if ($("details[open]", old)) $("details", element)?.setAttribute("open", "");
  if (old.innerHTML !== element.innerHTML) {
    old.replaceChildren(...element.childNodes);
    if (old.isConnected) htmx.process(old);
  }
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  return true;
}
// Remembers which row is being read; the function that it returns puts that row back where it was, and trims the list.
function hold(scroll) {
  const list = $("ol", scroll);
  const following = follows(scroll);
  const top = scroll.getBoundingClientRect().top;
  const read = following ? null : $$(":scope > [data-key]", list).find((row) => row.getBoundingClientRect().bottom > top);
  const was = read?.getBoundingClientRect().top;
  return () => {
    if (following) trim(list);
    const moved = read?.isConnected ? read.getBoundingClientRect().top - was : 0;
    if (Math.abs(moved) > 0.5) scroll.scrollTop += moved;
  };
}
const atEnd = (scroll) => scroll.scrollTop > -24;
const follows = (scroll) => atEnd(scroll) && !scroll.dataset.paused && !$("ol", scroll).dataset.cut;
// What is trimmed at the beginning can be loaded again.
function trim(list) {
  const rows = $$(":scope > [data-key]", list);
  const [sentinel, over] = [$(":scope > .older", list), rows.length - KEEP];
  if (over <= 0 || !sentinel) return;
  for (const row of rows.slice(0, over)) row.remove();
  const fresh = sentinel.cloneNode(true);
  const link = $("a", fresh);
  link.setAttribute("hx-get", link.getAttribute("hx-get").replace(/before=[^&]*/, `before=${rows[over].dataset.key}`));
  fresh.hidden = false;
  sentinel.replaceWith(fresh);
  htmx.process(fresh);
}
// Who reads far back has the newest rows let go; the way to the end loads them again.
function shorten(list) {
  const [scroll, over] = [list.closest(".scroll"), $$(":scope > [data-key]", list).slice(MOST)];
  if (!over.length || follows(scroll)) return;
  const release = hold(scroll);
  for (const row of over) row.remove();
  release();
  list.dataset.cut = "1";
  newer(scroll, over);
}
function newer(scroll, items) {
  const jump = $(".jump", scroll);
  jump.dataset.count = Number(jump.dataset.count ?? 0) + items.filter((item) => !item.matches(".day")).length;
  $("span", jump).textContent = `${jump.dataset.count} newer`;
  jump.hidden = false;
}
function toEnd(scroll) {
  scroll.scrollTop = 0;
  if (!$("ol", scroll).dataset.cut) return;
  const pane = `#${scroll.closest(".pane").id}`;
  history.replaceState(null, "", address("before rows", "", () => []));
  htmx.ajax("GET", here(), { target: pane, select: pane, swap: "outerHTML" });
}
document.addEventListener("scroll", ({ target }) => {
  const jump = target.matches?.(".end-first") && atEnd(target) && $(".jump", target);
  if (!jump || $("ol", target).dataset.cut) return;
  jump.hidden = true;
  jump.dataset.count = 0;
}, true);

// ---------- what is told beside the lists: the title, one polite line, what was seen ----------
const told = { messages: 0, at: 0, timer: 0 };
function count() {
  const unread = $$("#threads [data-unread]").reduce((sum, item) => sum + Number(item.dataset.unread), 0);
  document.title = (unread ? `(${unread}) ` : "") + document.title.replace(/^\(\d+\) /, "");
  if (!told.messages) return;
  for (const list of $$(".msgs")) seen(list);
  clearTimeout(told.timer);
  told.timer = setTimeout(say, Math.max(0, told.at + POLITE - Date.now()));
}
function say() {
  const retrying = Number($("#dot").lastChild.textContent);
  const parts = [told.messages === 1 ? "1 new message" : `${told.messages} new messages`];
  if (retrying) parts.push(retrying === 1 ? "1 delivery is being retried" : `${retrying} deliveries are being retried`);
  $("#said").textContent = parts.join(", ");
  Object.assign(told, { messages: 0, at: Date.now() });
}
function seen(list) {
  const [foot, last] = [footOf(list), $$(".msg", list).at(-1)];
  if (!last || document.hidden || !foot.dataset.thread || !follows(list.closest(".scroll"))) return;
  post(`/t/${list.dataset.thread}/seen`, { as: foot.dataset.as, message: last.dataset.message });
}
const footOf = (element) => $(`#foot-${element.closest("[data-half]").dataset.half}`);
function post(path, fields = {}) {
  const headers = { Accept: "text/plain", "X-Form-Token": $("meta[name=form-token]")?.content ?? "" };
  return fetch(path, { method: "POST", keepalive: true, headers, body: new URLSearchParams(fields) }).catch(() => null);
}
// The open delivery, its row and its message belong together.
function tie() {
  const { row, message } = $(".sheet")?.dataset ?? {};
  for (const one of $$(".w, .msg")) {
    const tied = Boolean(message) && one.dataset.message === message;
    one.classList.toggle("tied", tied);
    mark(one, "aria-current", one.matches(".w") ? one.id === `w-${row}` : tied);
  }
}
// Switching the speaker recolours, and moves nothing.
function tint() {
  for (const one of $$(".msg")) one.classList.toggle("mine", one.dataset.by === footOf(one)?.dataset.as);
}

// ---------- htmx: a link says what of the address it sets; the rest is where one is ----------
// The address where one is, with what `from` has in place of each key in `sets`; "/" stands for the path.
function address(sets, path, from) {
  const query = new URLSearchParams(location.search);
  for (const key of sets.split(" ")) {
    const values = from(key).filter(Boolean);
    query.delete(key);
    if (values.length) query.set(key, values.join(" "));
  }
  return (sets.startsWith("/") ? path : location.pathname) + (query.size ? `?${query}` : "");
}
document.addEventListener("htmx:configRequest", ({ detail, target }) => {
  const { parameters } = detail;
  if ("back" in parameters) parameters.back = here();
  const sets = target.closest("[data-sets]")?.dataset.sets;
  if (!sets || detail.verb !== "get" || target.closest(".older")) return;
  const { pathname, searchParams } = new URL(detail.path, location.href);
  const form = target.matches("form");
  detail.path = address(sets, pathname, (key) => (form ? [parameters[key] ?? []].flat() : searchParams.getAll(key)));
  if (form) for (const key of Object.keys(parameters)) delete parameters[key];
});
document.addEventListener("htmx:pushedIntoHistory", connect);
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  const at = Number(/ data-after="(\d+)"/.exec(detail.xhr.responseText)?.[1] ?? after);
  if (at < Number(after)) (after = at), connect(); // what came in is older than what was told: that is told once more
});
document.addEventListener("htmx:afterSwap", () => $$("#rows, .msgs").forEach(shorten));
document.addEventListener("htmx:afterSettle", () => {
  app.dataset.view = new URLSearchParams(location.search).get("view") ?? "chat";
  for (const tab of $$(".tabs a")) mark(tab, "aria-current", tab.textContent.trim().toLowerCase().startsWith(app.dataset.view), "page");
  for (const form of $$("form.composer[data-thread]")) recall(form);
  tie();
  tint();
});
document.addEventListener("htmx:afterRequest", ({ detail, target }) => {
  if (!target.matches("form.composer")) return;
  const [note, area] = [$(".note", target), $("textarea", target)];
  note.hidden = detail.successful;
  const why = detail.xhr.responseText || "the host is not answering. Your text stays here.";
  if (!detail.successful) return void (note.textContent = `Not sent: ${why}`);
  sessionStorage.setItem(`last:${target.dataset.as}`, area.value);
  localStorage.removeItem(draft(target));
  area.value = "";
  toEnd($(".scroll", target.closest(".pane")));
});

// ---------- writing ----------
const draft = (form) => `draft:${form.dataset.thread}:${form.dataset.as}`;
const recall = (form) => ($("textarea", form).value ||= localStorage.getItem(draft(form)) ?? "");
document.addEventListener("input", ({ target }) => {
  const form = target.closest("form.composer[data-thread]");
  if (!form) return;
  target.value ? localStorage.setItem(draft(form), target.value) : localStorage.removeItem(draft(form));
  complete(form, target);
});
const row = (kind, words) => Object.assign(document.createElement("li"), { className: kind, textContent: words });
// Names of the others, after an `@`.
function complete(form, area) {
  const list = $(".ats", form);
  const typed = /(?:^|[^\p{L}\p{N}])@([\p{L}\p{N} ]{0,40})$/u.exec(area.value.slice(0, area.selectionStart))?.[1].toLowerCase();
  const fits = (name) => typed !== undefined && name.toLowerCase().startsWith(typed) && name.toLowerCase() !== typed;
  const names = JSON.parse(form.dataset.people).filter(fits).slice(0, 8);
  const options = names.map((name, n) => Object.assign(row("item", name), { role: "option", id: `${list.id}-${n}` }));
  for (const option of options) option.dataset.typed = typed.length;
  list.replaceChildren(...options);
  list.hidden = !names.length;
  choose(area, list, 0);
}
function choose(area, list, at) {
  for (const [n, option] of [...list.children].entries()) option.setAttribute("aria-selected", n === at);
  mark(area, "aria-activedescendant", !list.hidden, list.children[at]?.id);
}
function take(area, option) {
  area.setRangeText(`${option.textContent} `, area.selectionStart - option.dataset.typed, area.selectionStart, "end");
  area.dispatchEvent(new Event("input", { bubbles: true }));
  area.focus();
}
// A key in a text; whether that was all that it does.
function writing({ key, shiftKey }, area) {
  const form = area.closest("form");
  const list = $(".ats", form);
  if (!list.hidden) {
    const [at, many] = [[...list.children].findIndex((option) => option.ariaSelected === "true"), list.children.length];
    if (key === "ArrowDown" || key === "ArrowUp") return choose(area, list, (at + (key === "ArrowDown" ? 1 : many - 1)) % many), true;
    if (key === "Enter" || key === "Tab") return take(area, list.children[at]), true;
    if (key === "Escape") return (list.hidden = true);
  }
  if (key === "Enter" && !shiftKey) return area.value.trim() && !$(".send", form).disabled && form.requestSubmit(), true;
  if (key !== "ArrowUp" || area.value) return false;
  area.value = sessionStorage.getItem(`last:${form.dataset.as}`) ?? "";
  return true;
}

// ---------- clicks that are no links, and forms that fetch words ----------
const clicks = {
  ".newest": (button) => toEnd(button.closest(".scroll")),
  "#pause": () => pause(),
  "#try": connect,
  ".copy": (button) => copied(button, $(button.dataset.copy).textContent),
  "#help": () => $("#keys").showModal(),
  "li[role=option]": (option) => take($("textarea", option.closest("form")), option),
  ".mention": (button) => take($("textarea", button.closest("form")), { textContent: "@", dataset: { typed: 0 } }),
  "#its-message": (link) => show(document.getElementById(`m-a-${link.dataset.message}`)),
};
document.addEventListener("click", (event) => {
  const link = event.target.closest("a.goes");
  if (link) link.href = address(link.dataset.sets, link.pathname, (key) => new URL(link.href).searchParams.getAll(key));
  for (const open of $$("details.pop[open]")) if (!open.contains(event.target)) open.open = false;
  for (const [selector, act] of Object.entries(clicks)) {
    const target = event.target.closest(selector);
    if (target && act(target) !== false && target.matches("a")) event.preventDefault();
  }
});
function show(message) {
  if (!message) return false;
  app.dataset.view = "chat";
  message.tabIndex = -1;
  message.scrollIntoView({ block: "center" });
  message.focus({ preventScroll: true });
}
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.elements.back) form.elements.back.value = here();
  if (!form.matches(".fetch-copy")) return;
  event.preventDefault();
  const answer = await post(form.getAttribute("action"), new FormData(form));
  copied($("button", form), answer?.ok ? await answer.text() : null);
}, true);
// Words go to the clipboard; where a browser does not allow that, they are shown to be copied by hand.
async function copied(button, words) {
  const came = words !== null;
  const well = came && (await navigator.clipboard?.writeText(words).then(() => true, () => false));
  if (came && !well) prompt("Copy this:", words);
  $("#said").textContent = came ? "Copied" : "Nothing was copied: the host did not answer";
  button.dataset.done = came ? "copied" : "failed";
  setTimeout(() => delete button.dataset.done, 1500);
}
function pause() {
  const [button, list] = [$("#pause"), $("#list")];
  if (!button) return;
  const paused = (button.ariaPressed = String(button.ariaPressed !== "true")) === "true";
  mark(list, "data-paused", paused);
  if (!paused) toEnd(list);
}

// ---------- keys ----------
const letters = {
  "/": () => $("#find").focus(), "?": () => $("#keys").showModal(), c: () => $("#text-a")?.focus(), f: () => $("#q")?.focus(),
  j: () => walk(1), k: () => walk(-1), m: () => click("#its-message"), p: pause, r: () => submit("#redeliver"), y: () => submit("#curl"),
  v: () => submit("#vector"), x: () => click("#payload .seg a:not([aria-current])"), s: () => click("#show"), g: () => (going = true),
  t: () => ($("#to-trouble")?.focus(), click("#to-trouble")), T: () => submit("#all-off"), "\\": () => click("#split"),
};
const places = { t: "#threads [aria-current], #threads a", c: "#chat-a .scroll", w: "#rows li:last-child a" };
let going = false;
// The one of `all` that is so many steps from where one is, or from the one that is open.
function near(all, step) {
  const focused = all.indexOf(document.activeElement);
  const at = focused >= 0 ? focused : all.findIndex((one) => one.ariaCurrent);
  return at < 0 ? all.at(-1) : all[Math.max(0, Math.min(all.length - 1, at + step))];
}
const walk = (step) => near($$("#rows .w"), step)?.focus();
function next(selector, step) {
  const all = $$(selector);
  all[(all.findIndex((one) => one.ariaCurrent) + step + all.length) % all.length]?.click();
}
function escape() {
  const [open, field] = [$("details.pop[open]"), document.activeElement.closest("input, textarea")];
  if (open) open.open = false;
  else field ? field.blur() : click($("#close") ? "#close" : "#clear");
}
document.addEventListener("keydown", (event) => {
  const { key, ctrlKey, altKey, metaKey, target } = event;
  const field = target.closest("input:not([type=checkbox]), textarea, select");
  const chord = ctrlKey || altKey || metaKey;
  const does = () => {
    if (field?.matches(".composer textarea") && !chord && writing(event, field)) return true;
    if (key === "Escape") return escape();
    if ((ctrlKey || metaKey) && key === "k") return $("#find").focus(), true;
    if (ctrlKey && key === ".") return next("#people a", 1), true;
    if (altKey && (key === "ArrowDown" || key === "ArrowUp")) return next("#threads a", key === "ArrowDown" ? 1 : -1), true;
    if (key === "End" && !field && !altKey) return toEnd(target.closest(".end-first") ?? $("#list") ?? $(".end-first")), true;
    if (field || chord || $("#keys").dataset.letters === "off") return false;
    const goes = going && places[key];
    going = false;
    if (goes) return $(goes)?.focus(), true;
    if (/^[1-9]$/.test(key)) return click(`#people li:nth-child(${key}) a`), true;
    return Object.hasOwn(letters, key) && (letters[key](), true);
  };
  if (!event.isComposing && !$("#keys").open && does()) event.preventDefault();
});
for (const form of $$("form.composer[data-thread]")) recall(form);
count();
connect();
