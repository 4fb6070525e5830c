// Keys for what a page offers, read from its markup:
//   data-key="/"      pressing / clicks this, or focuses it if it is a field; a player is played or paused.
//                     What is ticked is left ticked.  Of several, the one in the current item counts first.
//   data-item         j and k go through these; e goes to the next one with something to answer in it.
//   #keys             a <dialog> that lists them, opened by ? and by what has data-opens="keys".
// Keys do nothing while somebody types, with Ctrl, Alt or Meta, in a dialog, or once they are turned off there.

const dialog = document.getElementById("keys");
const choice = dialog?.querySelector("[data-keys-on]");
const STORED = "keys";

function typing(element) {
  return element.isContentEditable || element.matches("input:not([type=checkbox], [type=radio]), textarea, select");
}

function shown(element) {
  return element.checkVisibility();
}

function items() {
  return [...document.querySelectorAll("[data-item]")].filter(shown);
}

// Where the keyboard is; else where the video is; else nowhere.
function current(all) {
  const focused = document.activeElement.closest("[data-item]");
  return focused ?? all.find((item) => item.matches('[aria-current="true"]') || item.querySelector('[aria-current="true"]'));
}

function goTo(item) {
  item.tabIndex = -1;
  item.focus({ preventScroll: true });
  item.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const all = items();
  const at = all.indexOf(current(all));
  const next = at < 0 ? all[0] : all[at + by];
  if (next) {
    goTo(next);
  } else if (by > 0) {
    document.querySelector(".load-more a")?.focus();
  }
}

function nextWaiting() {
  const all = items();
  const waiting = all.slice(all.indexOf(current(all)) + 1).find((item) => item.querySelector('[data-answer="pending"]'));
  if (waiting) {
    goTo(waiting);
  } else if (document.querySelector('[data-key="e"]:not(:checked)')) {
    press("e");
  } else {
    document.querySelector(".load-more a")?.focus(); // the next one may be there
  }
}

function press(key) {
  const named = `[data-key="${CSS.escape(key)}"]`;
  const all = [...document.querySelectorAll(named)].filter((element) => shown(element) || element.closest("details:not([open])"));
  const item = current(items());
  const target = all.find((element) => item?.contains(element)) ?? all.find((element) => !element.closest("[data-item]"));
  if (!target) {
    return false;
  }
  for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) {
    fold.open = true;
  }
  if (target instanceof HTMLMediaElement) {
    target.paused ? target.play() : target.pause();
  } else if (typing(target)) {
    target.focus();
    target.select?.();
  } else if (!target.checked) {
    target.click();
  }
  return true;
}

const ACTIONS = { j: () => step(1), k: () => step(-1), e: nextWaiting, "?": () => dialog.showModal() };

function pressed(event) {
  // AltGr, with which many keyboards write [ and ], counts as Ctrl and Alt.
  const modified = (event.ctrlKey || event.altKey || event.metaKey) && !event.getModifierState("AltGraph");
  const busy = event.defaultPrevented || event.isComposing || modified;
  const element = event.target;
  if (busy || !choice.checked || !(element instanceof Element) || typing(element) || element.closest("dialog[open], [popover]")) {
    return;
  }
  // A space presses what has the keyboard, and the player's own controls know it already.
  if (event.key === " " && element.closest("a, button, summary, input, video, audio, [tabindex='0']")) {
    return;
  }
  if (ACTIONS[event.key]) {
    ACTIONS[event.key]();
    event.preventDefault();
  } else if (event.key.length === 1 && press(event.key === " " ? "space" : event.key)) {
    event.preventDefault();
  }
}

if (dialog) {
  try {
    choice.checked = localStorage.getItem(STORED) !== "off";
    choice.addEventListener("change", () => localStorage.setItem(STORED, choice.checked ? "on" : "off"));
  } catch {
    // Storage is forbidden: the choice lasts as long as the page.
  }
  document.addEventListener("keydown", pressed);
  document.addEventListener("click", (event) => {
    if (event.target.closest?.('[data-opens="keys"]')) {
      dialog.showModal();
    }
  });
}
