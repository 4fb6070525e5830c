// Keeps what somebody types and has not sent, in this browser: a log-in that ran out, a lost connection or a closed
// tab costs no words.  For each form[data-draft="key"]:
//   [data-restored]  is shown when words came back
//   [data-discard]   throws them away
//   [data-sent=key]  anywhere in what the server sends: they arrived
//   [data-keeps=key]  an element by which htmx sends them as they are typed, and what is chosen beside them, and at an
//                     event `keep`: once that is answered by 204, they arrived
//   [data-drafted=key]  is shown where there are words, before the form is open
//   [data-kept]  on a log-in page to which a refused form leads: is shown if the words that this tab sent last are kept
// Only the person who typed them gets them back, for two weeks.  Two tabs with the same form keep their words in two
// places: each holds a lock on its own, and whoever opens the form anew finds the words that no tab holds.

const FORTNIGHT = 14 * 24 * 3600 * 1000;
const PREFIX = "draft:";
const mine = `${PREFIX}${document.body.dataset.person ?? ""}:`;
const FORMS_OF_ONE_KEY = 50;
const PATIENCE = 500; // milliseconds that the page before this one may take to leave its place

// What the server gave a form to know its words by: the version that they change, the id that they will have.
const IDENTITY = ["seen", "id"];

const WORDS = "textarea[name], input[type=text][name], select[name]";
const CHOICES = "input[type=radio][name], input[type=checkbox][name]"; // where [data-keeps] sends them, kept like words

const kinds = (form) => (form.querySelector("[data-keeps]") ? `${WORDS}, ${CHOICES}` : WORDS);
const boxes = (form) => [...form.querySelectorAll(kinds(form))];
const identity = (form) => IDENTITY.map((name) => form.elements.namedItem(name)).filter(Boolean);
const found = (root, selector) => [...(root.matches(selector) ? [root] : []), ...root.querySelectorAll(selector)];

const isChoice = (box) => box.matches(CHOICES);
const nameOf = (box) => (isChoice(box) ? `${box.name}=${box.value}` : box.name);
const valueOf = (box) => (isChoice(box) ? box.checked : box.value);

function fill(box, value) {
  box[isChoice(box) ? "checked" : "value"] = value;
}

function initial(box) {
  if (isChoice(box)) {
    return box.defaultChecked;
  }
  return box.matches("select") ? (box.querySelector("option[selected]") ?? box.options[0])?.value : box.defaultValue;
}

// A browser may refuse to store anything, or be full: then there are no drafts.
function storage(act, kind = "localStorage") {
  try {
    return act(window[kind]);
  } catch {
    return null;
  }
}

const read = (place) => storage((store) => JSON.parse(store.getItem(place)));

// The places with words under a key, newest first.
function kept(key) {
  const places = storage((store) => Object.keys(store)) ?? [];
  const ofKey = places.filter((place) => place === mine + key || place.startsWith(`${mine}${key}~`));
  return ofKey.sort((one, other) => (read(other)?.at ?? 0) - (read(one)?.at ?? 0));
}

// Which place of each key this page has, as promises; until it is left.
const places = new Map();
let leave;
let left;

function arrive() {
  places.clear();
  left = new Promise((resolve) => {
    leave = resolve;
  });
}

// Whether the place is this page's from now on.  Without locks (an address without HTTPS) tabs do not know each other.
function hold(place, options) {
  return new Promise((resolve) => {
    if (!navigator.locks) {
      resolve(true);
      return;
    }
    const held = navigator.locks.request(place, options, (lock) => {
      resolve(lock !== null);
      return lock && left;
    });
    held.catch(() => resolve(false));
  });
}

async function choose(key) {
  const before = storage((store) => store.getItem(mine + key), "sessionStorage");
  if (before && (await hold(before, { signal: AbortSignal.timeout(PATIENCE) }))) {
    return before;
  }
  const numbered = Array.from({ length: FORMS_OF_ONE_KEY }, (_, number) => mine + key + (number ? `~${number}` : ""));
  for (const place of [...kept(key), ...numbered]) {
    if (await hold(place, { ifAvailable: true })) {
      storage((store) => store.setItem(mine + key, place), "sessionStorage");
      return place;
    }
  }
  return mine + key;
}

function placeOf(key) {
  if (!places.has(key)) {
    places.set(key, choose(key));
  }
  return places.get(key);
}

function mark(key) {
  for (const each of document.querySelectorAll(`[data-drafted="${CSS.escape(key)}"]`)) {
    each.hidden = kept(key).length === 0;
  }
}

async function write(key, draft) {
  const place = await placeOf(key);
  storage((store) => (draft ? store.setItem(place, JSON.stringify(draft)) : store.removeItem(place)));
  mark(key);
}

// Forms that came back with what is wrong in them: what the server put into their boxes stands nowhere else.
const refused = new WeakSet();

// Boxes whose change was sent by [data-keeps], and may have arrived or not: what the server has is not known.
const unsure = new WeakSet();

function isUnsent(box) {
  if (unsure.has(box)) {
    return true;
  }
  return refused.has(box.form) ? box.value !== "" || box.matches("select") : valueOf(box) !== initial(box);
}

function keep(form) {
  const changed = boxes(form).filter(isUnsent);
  const draft = { at: Date.now(), words: Object.fromEntries(changed.map((box) => [nameOf(box), valueOf(box)])) };
  for (const field of identity(form)) {
    draft[field.name] = field.value;
  }
  return write(form.dataset.draft, changed.some((box) => !box.matches("select")) ? draft : null);
}

// With the version that the words were written against, so that what has happened meanwhile is noticed.
const given = new WeakMap();

async function restore(form) {
  const untouched = new Map(boxes(form).map((box) => [box, valueOf(box)]));
  const draft = read(await placeOf(form.dataset.draft));
  const changed = [...untouched].filter(
    ([box, value]) =>
      valueOf(box) === value && nameOf(box) in (draft?.words ?? {}) && draft.words[nameOf(box)] !== value,
  );
  if (changed.length === 0) {
    return;
  }
  given.set(form, identity(form).map((field) => [field, field.value]));
  for (const field of identity(form)) {
    field.value = draft[field.name] ?? field.value;
  }
  for (const [box] of changed) {
    fill(box, draft.words[nameOf(box)]);
    box.closest("details")?.setAttribute("open", "");
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }
  form.querySelector("[data-restored]")?.removeAttribute("hidden");
}

function discard(form) {
  write(form.dataset.draft, null);
  for (const box of boxes(form)) {
    fill(box, initial(box));
  }
  for (const [field, value] of given.get(form) ?? []) {
    field.value = value;
  }
  form.querySelector("[data-restored]")?.setAttribute("hidden", "");
  boxes(form)[0]?.focus();
}

async function arrived(root) {
  await Promise.all(found(root, "[data-sent]").map((sent) => write(sent.dataset.sent, null)));
  for (const form of found(root, "form[data-draft]")) {
    if (form.querySelector(".errorlist, [role=alert]")) {
      refused.add(form);
    }
    restore(form);
  }
  for (const { dataset } of found(root, "[data-drafted]")) {
    mark(dataset.drafted);
  }
}

// Which form this tab sent last: after a refusal, the log-in page has to know whether its words are kept.
const LAST_SENT = "last-sent-draft";

async function remember(form) {
  if (document.body.dataset.person) {
    const place = form?.dataset.draft ? await placeOf(form.dataset.draft) : "";
    storage((store) => store.setItem(LAST_SENT, place), "sessionStorage");
  }
}

function tellWhatIsKept() {
  const told = document.querySelector("[data-kept]");
  const place = told && storage((store) => store.getItem(LAST_SENT), "sessionStorage");
  if (place && read(place)) {
    told.hidden = false;
  }
}

storage((store) => {
  for (const place of Object.keys(store).filter((name) => name.startsWith(PREFIX))) {
    if (!(read(place)?.at > Date.now() - FORTNIGHT)) {
      store.removeItem(place);
    }
  }
});

const changed = new WeakSet(); // forms, since they were last sent by their [data-keeps], or because that failed

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-draft]");
  if (form) {
    changed.add(form);
    keep(form);
  }
});
document.addEventListener("click", (event) => {
  const form = event.target.closest("[data-discard]")?.closest("form[data-draft]");
  if (form) {
    discard(form);
  }
});

// What arrived is what the server has from now on: whoever takes a change back has changed something.
function settle(form) {
  for (const box of boxes(form)) {
    unsure.delete(box);
    box[isChoice(box) ? "defaultChecked" : "defaultValue"] = valueOf(box);
  }
}

// What is chosen or typed while a request is keeping what was there before is kept as soon as that has ended, or as the
// page goes away.
document.addEventListener("htmx:beforeSend", ({ detail: { elt } }) => {
  if (elt.dataset.keeps) {
    const form = elt.closest("form");
    remember(form);
    changed.delete(form);
    boxes(form).filter(isUnsent).forEach((box) => unsure.add(box));
  }
});
document.addEventListener("htmx:afterRequest", ({ detail: { elt, xhr } }) => {
  const key = elt.dataset.keeps;
  const form = elt.closest("form");
  if (key && changed.has(form)) {
    queueMicrotask(() => htmx.trigger(elt, "keep")); // htmx has not quite done with this request
  } else if (key && xhr.status === 204) {
    settle(form);
    write(key, null);
  } else if (key && xhr.status !== 202) {
    changed.add(form);
  }
});
document.addEventListener("visibilitychange", () => {
  for (const elt of document.hidden ? document.querySelectorAll("[data-keeps]") : []) {
    const form = elt.closest("form");
    if (changed.has(form) || elt.matches(".htmx-request")) {
      const body = new FormData(form);
      for (const [name, value] of Object.entries(JSON.parse(elt.getAttribute("hx-vals")))) {
        body.set(name, value);
      }
      const headers = { "HX-Request": "true" };
      fetch(elt.getAttribute("hx-post"), { method: "POST", body, headers, keepalive: true }).catch(() => {});
    }
  }
});

document.addEventListener("submit", ({ target }) => remember(target));
document.addEventListener("htmx:load", (event) => arrived(event.detail.elt));
window.addEventListener("pagehide", () => leave());
window.addEventListener("pageshow", (event) => event.persisted && arrive());
arrive();
arrived(document.body);
tellWhatIsKept();
