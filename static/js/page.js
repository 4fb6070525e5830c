// What all pages need: saying that a request failed, keeping the keyboard's place when more is loaded, copying links, and
// leaving with who logs out.

const toast = document.getElementById("toast");

let fading;

function say(text, level = "error") {
  clearTimeout(fading);
  toast.dataset.level = level;
  toast.textContent = text;
  if (text && level !== "error") {
    fading = setTimeout(say, 6000, "");
  }
}

document.addEventListener("htmx:beforeRequest", () => say(""));
document.addEventListener("htmx:configRequest", (event) => {
  // What a form leaves empty is not asked for: it would only make the address long.
  const { parameters, verb } = event.detail;
  if (verb === "get") {
    for (const name of Object.keys(parameters)) {
      parameters[name] === "" && delete parameters[name];
    }
  }
});
document.addEventListener("htmx:sendError", () => say("The server cannot be reached. Check your connection and try again."));
document.addEventListener("htmx:responseError", ({ detail: { xhr } }) => {
  const reasons = {
    403: "You have logged in again since this page was loaded. Reload it and try again; what you typed is kept.",
    404: "That is no longer there, or you no longer have access to it. Reload the page.",
    503: "The site cannot reach its data right now. Try again in a minute.",
  };
  say(reasons[xhr.status] ?? `That did not work (error ${xhr.status}). Reload the page and try again.`);
});

// Copying the address of something, by a button with data-copy or by another module's event.
async function copyLink({ address, what }) {
  try {
    await navigator.clipboard.writeText(address);
    say(`The link to ${what} was copied.`, "info");
  } catch {
    history.replaceState(history.state, "", address);
    say(`This browser does not let pages copy. The link to ${what} is in the address bar.`, "info");
  }
}

document.addEventListener("copy-link", (event) => copyLink(event.detail));
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) {
    copyLink({ address: String(new URL(button.dataset.copy, location)), what: button.dataset.what ?? "this entry" });
  }
});

let lastBeforeMore = null;

document.addEventListener("htmx:beforeSwap", (event) => {
  const more = event.detail.target.closest(".load-more");
  lastBeforeMore = more && more.contains(document.activeElement) ? more.previousElementSibling : null;
});

document.addEventListener("htmx:afterSettle", () => {
  const first = lastBeforeMore?.nextElementSibling;
  lastBeforeMore = null;
  if (first) {
    first.tabIndex = -1;
    first.focus({ preventScroll: true });
  }
});

// The Back button brings pages back out of memory, as they were: not to others, once somebody has logged out here.
const person = document.body.dataset.person ?? "";

function stored(act) {
  try {
    return act(localStorage);
  } catch {
    return null; // a browser may refuse to store anything
  }
}

stored((store) => (person ? store.setItem("person", person) : store.removeItem("person")));
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted && (stored((store) => store.getItem("person") ?? "") ?? person) !== person) {
    document.body.hidden = true;
    location.reload();
  }
});
