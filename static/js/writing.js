// A box for words: it grows and takes the keyboard, Ctrl or Cmd + Enter sends, and it is sent once.  In a .slot, the
// place of a form in a page, Escape closes it and gives the keyboard back to the link that opened it.
// Without this file the links and forms work as pages of their own.

const growsByItself = CSS.supports("field-sizing", "content");
const openers = new WeakMap();

function grow(box) {
  if (!growsByItself) {
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight + box.offsetHeight - box.clientHeight}px`;
  }
}

// The keyboard goes to what is to be read first.
function opened(form) {
  const box = form.querySelector("textarea, input[type=text]");
  const wrong = form.querySelector("[role=alert]") ?? form.querySelector("[aria-invalid=true]");
  (wrong ?? box ?? form.querySelector("[type=submit]")).focus();
  if (box?.matches("textarea")) {
    grow(box);
  }
  if (box === document.activeElement) {
    box.setSelectionRange(box.value.length, box.value.length);
  }
  form.scrollIntoView({ block: "nearest" }); // with what sends it
}

function close(form) {
  const slot = form.closest(".slot");
  slot.replaceChildren();
  (openers.get(slot) ?? slot.previousElementSibling.querySelector("a")).focus();
}

const inFlight = (form, isSent) => {
  for (const box of form.querySelectorAll("textarea")) {
    box.readOnly = isSent;
  }
};

document.addEventListener("htmx:afterSwap", ({ detail: { target, requestConfig } }) => {
  if (target.matches(".slot") && requestConfig.elt.matches("a")) {
    openers.set(target, requestConfig.elt);
  }
});

document.addEventListener("htmx:load", (event) => {
  const form = event.detail.elt.closest(".words-form") ?? event.detail.elt.querySelector(".slot .words-form");
  if (form) {
    opened(form);
  }
});

document.addEventListener("input", (event) => {
  if (event.target.matches(".words-form textarea")) {
    grow(event.target);
  }
});

document.addEventListener("keydown", (event) => {
  const form = event.target.closest(".words-form");
  if (!form || event.isComposing) {
    return;
  }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit(form.querySelector("[type=submit].primary"));
  } else if (event.key === "Escape" && form.closest(".slot")) {
    event.preventDefault();
    close(form);
  }
});

document.addEventListener("click", (event) => {
  const form = event.target.closest("[data-close]")?.closest(".slot .words-form[hx-post]");
  if (form) {
    event.preventDefault();
    close(form);
  }
});

// What is typed while a form is under way would be in neither the old box nor the new one.
document.addEventListener("htmx:beforeSend", (event) => inFlight(event.detail.elt, true));
document.addEventListener("htmx:afterRequest", (event) => inFlight(event.detail.elt, false));

// A form that leaves the page is sent once.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches(".words-form:not([hx-post])")) {
    if (form.classList.contains("htmx-request")) {
      event.preventDefault();
    }
    form.classList.add("htmx-request");
  }
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll(".words-form.htmx-request").forEach((form) => form.classList.remove("htmx-request"));
});
