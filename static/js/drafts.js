// Keeps what somebody types and has not sent, in this browser: a log-in that ran out, a lost connection or a closed
// tab costs no words.  For each form[data-draft="key"]:
//   [data-restored]  is shown when words came back
//   [data-discard]   throws them away
//   [data-sent=key]  anywhere in what the server sends: they arrived
//   [data-drafted=key]  is shown where there are words, before the form is open
// Only the person who typed them gets them back, for two weeks.

const FORTNIGHT = 14 * 24 * 3600 * 1000;
const PREFIX = "draft:";
const mine = `${PREFIX}${document.body.dataset.person ?? ""}:`;

const boxes = (form) => [...form.querySelectorAll("textarea[name], input[type=text][name]")];
const version = (form) => form.elements.namedItem("seen");
const found = (root, selector) => [...(root.matches(selector) ? [root] : []), ...root.querySelectorAll(selector)];

// A browser may refuse to store anything, or be full: then there are no drafts.
function storage(act) {
  try {
    return act(window.localStorage);
  } catch {
    return null;
  }
}

const read = (key) => storage((store) => JSON.parse(store.getItem(mine + key)));

function write(key, draft) {
  storage((store) => (draft ? store.setItem(mine + key, JSON.stringify(draft)) : store.removeItem(mine + key)));
  for (const mark of document.querySelectorAll(`[data-drafted="${CSS.escape(key)}"]`)) {
    mark.hidden = !draft;
  }
}

function keep(form) {
  const words = boxes(form).filter((box) => box.value !== box.defaultValue).map((box) => [box.name, box.value]);
  const draft = { at: Date.now(), seen: version(form)?.value, words: Object.fromEntries(words) };
  write(form.dataset.draft, words.length ? draft : null);
}

// With the version that the words were written against, so that what has happened meanwhile is noticed.
function restore(form) {
  const draft = read(form.dataset.draft);
  const changed = boxes(form).filter((box) => box.name in (draft?.words ?? {}) && draft.words[box.name] !== box.value);
  if (changed.length === 0) {
    return;
  }
  for (const box of changed) {
    box.value = draft.words[box.name];
    box.closest("details")?.setAttribute("open", "");
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }
  if (version(form) && draft.seen !== undefined) {
    form.dataset.shown = version(form).value;
    version(form).value = draft.seen;
  }
  form.querySelector("[data-restored]")?.removeAttribute("hidden");
}

function discard(form) {
  write(form.dataset.draft, null);
  for (const box of boxes(form)) {
    box.value = box.defaultValue;
  }
  if (form.dataset.shown !== undefined) {
    version(form).value = form.dataset.shown;
  }
  form.querySelector("[data-restored]")?.setAttribute("hidden", "");
  boxes(form)[0]?.focus();
}

function arrived(root) {
  for (const sent of found(root, "[data-sent]")) {
    write(sent.dataset.sent, null);
  }
  for (const form of found(root, "form[data-draft]")) {
    restore(form);
  }
  for (const mark of found(root, "[data-drafted]")) {
    mark.hidden = read(mark.dataset.drafted) === null;
  }
}

storage((store) => {
  for (const key of Object.keys(store).filter((key) => key.startsWith(PREFIX))) {
    if (!(JSON.parse(store.getItem(key)).at > Date.now() - FORTNIGHT)) {
      store.removeItem(key);
    }
  }
});

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-draft]");
  if (form) {
    keep(form);
  }
});
document.addEventListener("click", (event) => {
  const form = event.target.closest("[data-discard]")?.closest("form[data-draft]");
  if (form) {
    discard(form);
  }
});
document.addEventListener("htmx:load", (event) => arrived(event.detail.elt));
arrived(document.body);
