// What htmx leaves to us: saying that a request failed, and keeping the keyboard's place when more is loaded.

const toast = document.getElementById("toast");

function say(text) {
  toast.textContent = text;
}

document.addEventListener("htmx:beforeRequest", () => say(""));
document.addEventListener("htmx:sendError", () => say("The server cannot be reached. Check your connection and try again."));
document.addEventListener("htmx:responseError", ({ detail: { xhr } }) => {
  const reasons = {
    403: "You have logged in anew since this page was loaded. Reload it and try again; what you typed is kept.",
    404: "That is no longer there, or no longer yours to see. Reload the page.",
  };
  say(reasons[xhr.status] ?? `That did not work (error ${xhr.status}). Reload the page and try again.`);
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
