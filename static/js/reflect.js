// Reflecting on the second that plays: the video waits while somebody writes, and its frame can be taken along.
// What has been watched is drawn under it, and an answer that has been looked at is no longer new.
// Without this file the form has a second to type.

import { clock } from "./playtime.js";

const player = document.getElementById("player"); // null: the video itself is not here
const DRAWN = "http://www.w3.org/2000/svg";
const LOOKED_AT = 1000; // milliseconds in view

let waits = false; // it would play if nobody wrote

const form = () => document.getElementById("reflect");
const moment = () => form().elements.at;

// The second that plays; the last one at the end.
function now() {
  const duration = Number(document.getElementById("track").dataset.duration);
  return clock(Math.min(player.currentTime, duration - 1));
}

function begun() {
  const { text, loom, attachment } = form().elements;
  return Boolean(text.value.trim() || loom.value || attachment.files.length);
}

// The moment

let chosen = false; // by hand

function take() {
  if (!begun() && !chosen) {
    moment().value = now();
  }
}

// The moment that somebody asked for by a button, whatever stood there.
function set(second) {
  moment().value = second;
  moment().dispatchEvent(new Event("input", { bubbles: true }));
  chosen = false;
  follow();
}

function follow() {
  if (!form().contains(document.activeElement)) {
    take();
  }
  const button = form().querySelector("[data-now]");
  button.hidden = moment().value === now();
  button.querySelector("[data-clock]").textContent = now();
}

// Writing

function hold() {
  if (!player.paused) {
    player.pause();
    waits = true;
    take(); // it may be half a second since the player last said where it is
  }
}

function release() {
  if (waits && !document.querySelector("#reflect [data-recorder]:not([hidden])")) {
    waits = false;
    player.play();
  }
}

// The frame

// Once the player shows the second where it is: on a slow line, or before it ever played, that frame may be on its way.
async function frameCame() {
  while (!player.error && (player.seeking || player.readyState < HTMLMediaElement.HAVE_CURRENT_DATA)) {
    document.getElementById("status").textContent = "Waiting for the frame…";
    player.preload = "auto"; // a browser may wait for that
    await new Promise((resolve) => {
      for (const kind of ["loadeddata", "canplay", "seeked", "error"]) {
        player.addEventListener(kind, resolve, { once: true });
      }
    });
  }
}

let takes = false; // a frame, for which it waits

async function takeFrame(button) {
  if (takes) {
    return;
  }
  const status = document.getElementById("status");
  takes = true;
  await frameCame();
  takes = false;
  if (player.error || !button.isConnected) {
    status.textContent = player.error ? "The video could not be loaded, so there is no frame of it." : "";
    return;
  }
  const second = now(); // of the frame: the player may go elsewhere while it is made a file
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [player.videoWidth, player.videoHeight];
  canvas.getContext("2d").drawImage(player, 0, 0);
  let picture;
  try {
    picture = await new Promise((resolve) => canvas.toBlob(resolve, "image/webp", 0.9));
  } catch {
    picture = null; // the video is another site's
  }
  if (!picture) {
    button.disabled = true;
    status.textContent = "This browser does not allow taking a frame of this video.";
    return;
  }
  const suffix = picture.type.split("/")[1];
  const file = new File([picture], `${second.replaceAll(":", "-")}.${suffix}`, { type: picture.type });
  const transfer = new DataTransfer();
  transfer.items.add(file);
  const { attachment } = form().elements;
  attachment.files = transfer.files;
  attachment.dispatchEvent(new Event("change", { bubbles: true }));
  set(second);
  status.textContent = `The frame at ${second} is attached; the moment is set to ${second}.`;
}

if (player) {
  player.addEventListener("timeupdate", follow);
  player.addEventListener("play", () => (waits = false));
  document.addEventListener("focusin", ({ target }) => target.closest("#reflect") && hold());
  document.addEventListener("focusout", ({ target, relatedTarget }) => {
    if (target.closest("#reflect") && !relatedTarget?.closest("#reflect") && document.hasFocus() && !begun()) {
      release();
    }
  });
  document.addEventListener("input", ({ target }) => {
    if (target.matches("#reflect [name=at]")) {
      chosen = true;
    }
  });
  document.addEventListener("click", ({ target }) => {
    target.closest("#reflect label")?.control?.focus(); // in Safari a click gives a file no keyboard
    if (target.closest("#reflect [data-now]")) {
      set(now());
      moment().focus();
    }
    const frame = target.closest("#reflect [data-frame]");
    if (frame) {
      hold();
      takeFrame(frame);
    }
  });
}

// What was watched

let known = null;

function draw() {
  const duration = Number(document.getElementById("track").dataset.duration);
  const bands = known.watched.flatMap(([start, end]) =>
    [["track-watched", 0, 28], ["track-rail", 28, 4]].map(([name, y, height]) => {
      const band = document.createElementNS(DRAWN, "rect");
      const width = Math.min(end, duration) - Math.min(start, duration);
      const attributes = { class: name, x: `${(100 * start) / duration}%`, y, width: `${(100 * width) / duration}%`, height };
      for (const [attribute, value] of Object.entries(attributes)) {
        band.setAttribute(attribute, value);
      }
      if (name === "track-rail") {
        band.dataset.group = "watching";
      }
      return band;
    }),
  );
  document.querySelector("#track [data-watched]").replaceChildren(...bands);
  document.querySelector("#track [data-percent]").textContent = known.percent;
}

document.addEventListener("watched", ({ detail }) => {
  known = detail;
  draw();
});

// New answers

const timers = new Map();

const looked = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) {
    clearTimeout(timers.get(target));
    if (isIntersecting) {
      timers.set(target, setTimeout(markSeen, LOOKED_AT, target));
    }
  }
}, { threshold: 0.5 });

function markSeen(entry) {
  looked.unobserve(entry);
  const { "x-csrftoken": csrf } = JSON.parse(document.body.getAttribute("hx-headers"));
  fetch(entry.dataset.unseen, { method: "POST", headers: { "X-CSRFToken": csrf }, keepalive: true });
}

function begin(root) {
  for (const entry of root.querySelectorAll("[data-unseen] .answer")) {
    entry.dataset.unseen = entry.closest("[data-unseen]").dataset.unseen;
    looked.observe(entry);
  }
}

document.addEventListener("htmx:load", ({ detail: { elt } }) => begin(elt));
// What came in while the page was open is in the list now: on to it.
document.addEventListener("htmx:afterSettle", ({ detail: { requestConfig } }) => {
  const { toAnswer } = requestConfig?.elt.dataset ?? {};
  if (toAnswer) {
    document.querySelector(`#list [data-second="${toAnswer}"] .moment`)?.click();
  }
});
document.addEventListener("said", ({ detail }) => {
  document.getElementById(detail.entry)?.scrollIntoView({ block: "nearest" }); // it may be far down the list
  chosen = false;
  if (player) {
    release();
    take();
    follow();
  }
});
document.addEventListener("htmx:afterSettle", () => known && draw());
begin(document);
