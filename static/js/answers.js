// Answering: the box grows and takes the keyboard, Ctrl or Cmd + Enter sends, Escape closes; in the inbox the next
// one opens by itself.  Without this file the links and forms work as pages of their own.

const status = document.getElementById("status");
const growsByItself = CSS.supports("field-sizing", "content");

function grow(box) {
  if (!growsByItself) {
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight + box.offsetHeight - box.clientHeight}px`;
  }
}

// A form in an entry's row: the keyboard goes to what is to be read first.
function opened(form) {
  const box = form.querySelector("textarea");
  grow(box);
  (form.querySelector("[role=alert]") ?? box).focus();
  box.setSelectionRange(box.value.length, box.value.length);
}

function close(form) {
  const slot = form.closest(".answer-slot");
  slot.replaceChildren();
  slot.previousElementSibling.querySelector("[data-answer]").focus();
}

const pending = (item) => item.querySelector("[data-answer=pending]");

function open(item) {
  item.scrollIntoView({ block: "nearest" });
  const box = item.querySelector(".answer-slot textarea");
  if (box) {
    box.focus();
  } else {
    pending(item).click();
  }
}

// From an item of the inbox to the next that waits: further down, on the next page, or left out above.
function advance(item) {
  const list = item.parentElement;
  const items = [...list.querySelectorAll(":scope > [data-item]")];
  const below = items.slice(items.indexOf(item) + 1).find(pending);
  const more = list.querySelector(".load-more a");
  const next = below ?? (more ? null : items.find(pending));
  if (next) {
    open(next);
  } else if (more) {
    const loaded = () => {
      if (!more.isConnected) {
        document.removeEventListener("htmx:afterSettle", loaded);
        advance(item);
      }
    };
    document.addEventListener("htmx:afterSettle", loaded);
    more.click();
  } else {
    const done = document.getElementById("inbox-done");
    done.hidden = false;
    done.focus();
  }
}

document.addEventListener("answered", (event) => {
  const entry = document.getElementById(event.detail.entry);
  const item = entry.closest("[data-inbox] > [data-item]");
  status.textContent = `Your answer to ${event.detail.name} was sent.`;
  if (item) {
    advance(item);
  } else {
    entry.tabIndex = -1;
    entry.focus({ preventScroll: true });
  }
});

document.addEventListener("htmx:load", (event) => {
  const form = event.detail.elt.closest(".answer-form") ?? event.detail.elt.querySelector(".answer-slot .answer-form");
  if (form) {
    opened(form);
  }
});

document.addEventListener("input", (event) => {
  if (event.target.matches(".answer-form textarea")) {
    grow(event.target);
  }
});

document.addEventListener("keydown", (event) => {
  const form = event.target.closest(".answer-form");
  if (!form || event.isComposing) {
    return;
  }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit(form.querySelector("[type=submit].primary"));
  } else if (event.key === "Escape" && form.closest(".answer-slot")) {
    event.preventDefault();
    close(form);
  }
});

document.addEventListener("click", (event) => {
  const form = event.target.closest("[data-close]")?.closest(".answer-slot .answer-form[hx-post]");
  if (form) {
    event.preventDefault();
    close(form);
  }
});

// An answer of one's own begins with the common one.
document.addEventListener("click", (event) => {
  const button = event.target.closest(".answer-form button[name=copy]");
  if (button) {
    event.preventDefault();
    const box = button.closest("details").querySelector("textarea");
    box.value ||= button.form.elements.namedItem("text").value;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.focus();
  }
});

// A form that leaves the page is sent once.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches(".answer-form:not([hx-post])")) {
    if (form.classList.contains("htmx-request")) {
      event.preventDefault();
    }
    form.classList.add("htmx-request");
  }
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll(".answer-form.htmx-request").forEach((form) => form.classList.remove("htmx-request"));
});
