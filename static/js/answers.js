// Answering, beyond what writing.js does for every box: in the inbox the next one opens by itself, and an answer of
// one's own may begin with the common one.

const status = document.getElementById("status");
const pending = (item) => item.querySelector("[data-answer=pending]");

function open(item) {
  item.scrollIntoView({ block: "nearest" });
  const box = item.querySelector(".slot textarea");
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
    const asked = ({ detail }) => {
      if (detail.elt === more) {
        document.removeEventListener("htmx:afterRequest", asked);
        if (!detail.successful) {
          document.removeEventListener("htmx:afterSettle", loaded); // what is loaded later was asked for by itself
          more.focus();
        }
      }
    };
    document.addEventListener("htmx:afterSettle", loaded);
    document.addEventListener("htmx:afterRequest", asked);
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

// An answer of one's own begins with the common one.
document.addEventListener("click", (event) => {
  const button = event.target.closest(".words-form button[name=copy]");
  if (button) {
    event.preventDefault();
    const box = button.closest("details").querySelector("textarea");
    box.value ||= button.form.elements.namedItem("text").value;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.focus();
  }
});
