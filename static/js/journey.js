// A video and the list of what was done in it, kept together: a moment in the list, in the track or in a sentence
// seeks the player, and the list follows the player.  Without this file, all of them are links.

import { clock } from "./playtime.js";

const player = document.getElementById("player"); // null: the video itself is not here
const status = document.getElementById("status");
const MARGIN = 16; // pixels above what is brought into view
const LEFT_ALONE = 1000; // milliseconds after we scrolled, in which scrolling is taken for ours
const MOST = 200; // entries of the list; beyond, following starts it anew instead of adding to it
const AHEAD = 60; // seconds after the last entry, from where on it does so, too

let second = addressed() ?? 0;
let following = true;
let scrolledAt = -Infinity;

// Where we are

function addressed() {
  const text = new URLSearchParams(location.search).get("t");
  return text === null ? null : Number(text);
}

// The address of this page at a moment, whatever page of the list it showed.
function addressAt(time) {
  const address = new URL(location);
  address.searchParams.delete("after");
  address.searchParams.set("t", time);
  address.hash = "";
  return address;
}

// What is shown at an address, whichever part of it and in whichever order.
function shownAt(address) {
  const { searchParams } = new URL(address);
  for (const name of ["t", "after", "order", "since", "view"]) {
    searchParams.delete(name);
  }
  searchParams.sort();
  return String(searchParams);
}

// The second that a link leads to, if it leads to what is shown here, at another moment; else null.
function momentOf(link) {
  const address = new URL(link.getAttribute("href"), location);
  const time = address.searchParams.get("t") ?? "";
  const here = address.origin === location.origin && address.pathname === location.pathname;
  if (!here || !/^\d+$/.test(time) || !(player || list())) {
    return null;
  }
  return shownAt(address) === shownAt(location) ? Number(time) : null;
}

// The list

function list() {
  return document.querySelector("[data-follows]");
}

function articles() {
  return [...(list()?.querySelectorAll("[data-second]") ?? [])];
}

// The first of the entries at the latest second that is not after `time`.
function entryAt(time) {
  let found = null;
  for (const entry of articles()) {
    if (Number(entry.dataset.second) > time) {
      break;
    }
    if (found?.dataset.second !== entry.dataset.second) {
      found = entry;
    }
  }
  return found;
}

// The second that the list starts at.
function from() {
  return Number(list().dataset.follows);
}

// Whether what was done at `time` is in the list, or begins there, as far as it is loaded.
function loaded(time) {
  const more = list().querySelector(".load-more");
  const last = Number(articles().at(-1)?.dataset.second ?? Infinity);
  return time >= from() && (!more || time <= last);
}

function mark(time) {
  const entry = entryAt(time);
  for (const marked of document.querySelectorAll('[data-second][aria-current]')) {
    if (marked !== entry) {
      marked.removeAttribute("aria-current");
    }
  }
  entry?.setAttribute("aria-current", "true");
  return entry;
}

// To the top, so that what follows is seen, too; unless it is seen as it is.  Beside the player the panel scrolls, and
// the page stays where it is.
function bringIntoView(entry) {
  const panel = document.getElementById("panel");
  const scrolls = getComputedStyle(panel).overflowY === "auto";
  const frame = panel.getBoundingClientRect();
  const covered = player && getComputedStyle(player).position === "sticky" ? player.getBoundingClientRect().bottom : 0;
  const [roof, floor] = scrolls ? [Math.max(frame.top, 0), Math.min(frame.bottom, innerHeight)] : [covered, innerHeight];
  const { top, bottom } = entry.getBoundingClientRect();
  if (top >= roof && bottom <= floor) {
    return;
  }
  scrolledAt = performance.now();
  if (scrolls) {
    panel.scrollBy(0, top - roof - MARGIN);
    if (panel.scrollTop + panel.clientHeight >= panel.scrollHeight - 1) {
      entry.scrollIntoView({ block: "nearest" }); // the foot of the panel may be below that of the window
    }
  } else {
    entry.scrollIntoView({ block: "start" });
  }
}

// A picture takes its room once it is there: until somebody scrolls, what was asked for stays in view.
let arrived = null;

document.addEventListener("load", ({ target }) => arrived?.contains(target) && bringIntoView(arrived), { capture: true });
for (const kind of ["wheel", "touchmove", "keydown"]) {
  document.addEventListener(kind, () => (arrived = null), { passive: true });
}

let loading = false;

// Bring in the entries around `time`: the next page where the list runs on into it, else a list that starts there.
async function load(time) {
  if (loading) {
    return;
  }
  loading = true;
  const more = list().querySelector(".load-more a");
  const last = articles().at(-1);
  try {
    if (more && last && articles().length < MOST && time >= from() && time - Number(last.dataset.second) < AHEAD) {
      await htmx.ajax("GET", more.getAttribute("hx-get"), { source: more });
    }
    if (!loaded(time)) {
      await htmx.ajax("GET", String(addressAt(time)), { target: "#list", swap: "outerHTML" });
    }
  } catch {
    // htmx says that the server cannot be reached.
  }
  loading = false;
  following = !list() || loaded(time);
  follow(second);
}

function follow(time) {
  const entry = mark(time);
  const button = document.getElementById("follow");
  if (!list() || !button) {
    return;
  }
  const here = loaded(time);
  button.hidden = following;
  button.textContent = here ? "Follow the video" : `Show entries at ${clock(time)}`;
  if (!following) {
    return;
  }
  if (!here) {
    load(time);
  } else if (entry) {
    bringIntoView(entry);
  }
}

function pause() {
  if (following && player && !player.paused) {
    following = false;
    document.getElementById("follow")?.removeAttribute("hidden");
  }
}

// The moment

function show(time) {
  const duration = Number(document.getElementById("track").dataset.duration);
  const playhead = document.getElementById("playhead");
  playhead.setAttribute("x", `${(100 * Math.min(time, duration)) / duration}%`);
  playhead.removeAttribute("display");
  if (Math.floor(time) !== second) {
    second = Math.floor(time);
    for (const told of document.querySelectorAll("[data-clock]")) {
      told.textContent = clock(second);
    }
  }
}

function goTo(time) {
  history.replaceState(history.state, "", addressAt(time));
  following = true;
  show(time);
  if (player) {
    player.currentTime = time;
  }
  if (document.getElementById("follow")) {
    follow(time);
  } else if (list()) {
    arriveAt(time);
  }
}

// Where the list does not follow, it still goes to what is asked for.
async function arriveAt(time) {
  if (!loaded(time)) {
    await load(time);
  }
  arrived = mark(time);
  if (arrived) {
    bringIntoView(arrived);
  }
}

document.addEventListener("click", (event) => {
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.defaultPrevented) {
    return;
  }
  const link = event.target.closest("a[href]");
  const time = link ? momentOf(link) : null;
  if (time !== null) {
    event.preventDefault();
    goTo(time);
    if (event.detail) {
      link.blur(); // clicked, not pressed: the keys are the player's again
    }
    return;
  }
  const ground = event.target.closest(".track-seek");
  if (ground) {
    const { left, width } = document.querySelector(".track-drawing").getBoundingClientRect();
    const duration = Number(document.getElementById("track").dataset.duration);
    goTo(Math.floor(Math.min(Math.max((event.clientX - left) / width, 0), 0.9999) * duration));
  }
  if (event.target.closest("#follow")) {
    following = true;
    follow(second);
  }
});

// The player

if (player) {
  player.addEventListener("timeupdate", () => {
    const before = second;
    show(player.currentTime);
    if (second !== before) {
      if (list()?.querySelector(".slot form")) {
        pause(); // somebody answers there: the list stays
      }
      follow(second);
    }
  });
}
// Nobody but a player knows how long a video is that is not here.
const otherLength = player && document.getElementById("other-length");
if (otherLength) {
  const compare = () => {
    const { duration } = document.getElementById("track").dataset;
    const differs = Math.abs(player.duration - duration) > Number(otherLength.dataset.rounded);
    if (Number.isFinite(player.duration)) {
      otherLength.querySelector("[data-found]").textContent = clock(player.duration);
      otherLength.hidden = !differs;
    }
  };
  player.addEventListener("durationchange", compare);
  compare();
}
for (const kind of ["wheel", "touchmove"]) {
  // A finger on the player moves its slider.
  document.addEventListener(kind, (event) => event.target === player || pause(), { passive: true });
}
// Of the page or, captured on its way, of the panel.
document.addEventListener(
  "scroll",
  ({ target }) => (target === document || target.id === "panel") && performance.now() - scrolledAt > LEFT_ALONE && pause(),
  { passive: true, capture: true },
);
document.addEventListener("focusin", (event) => event.target.closest("[data-follows]") && pause());

// What htmx leaves to us

document.addEventListener("htmx:configRequest", (event) => {
  // We may be at another moment than when the link was drawn.
  if (event.detail.elt.matches("[data-keeps-moment]")) {
    const address = new URL(event.detail.path, location);
    if (second) {
      address.searchParams.set("t", second);
    } else {
      address.searchParams.delete("t");
    }
    event.detail.path = `${address.pathname}${address.search}`;
  }
});

// What had the keyboard may be gone, and the start of the new panel may be out of sight.
function arrive() {
  const panel = document.getElementById("panel");
  if (document.activeElement === document.body) {
    const who = document.getElementById("who");
    who.tabIndex = -1;
    who.focus({ preventScroll: true });
  }
  if (panel.getBoundingClientRect().top < 0) {
    scrolledAt = performance.now();
    panel.scrollIntoView({ block: "start" });
  }
}

let numbersOpen = false;
document.addEventListener("htmx:beforeSwap", () => {
  numbersOpen = document.querySelector("#track details")?.open ?? false;
});
document.addEventListener("htmx:afterSettle", (event) => {
  const numbers = document.querySelector("#track details");
  if (numbers && numbersOpen) {
    numbers.open = true;
  }
  if (player || addressed() !== null) {
    show(player?.currentTime ?? second);
    mark(second);
  }
  // What was written in it says itself where the keyboard goes, and what is to be seen.
  if (event.detail.target?.id === "panel" && event.detail.requestConfig.verb === "get") {
    arrive();
  }
  if (!event.detail.target?.matches(".slot, .entry, #track")) {
    status.textContent = document.getElementById("showing")?.textContent ?? "";
  }
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-copies-moment]")) {
    const detail = { address: String(addressAt(second)), what: clock(second) };
    document.dispatchEvent(new CustomEvent("copy-link", { detail }));
  }
});

// What is new

const EVERY = 20_000; // milliseconds
const AT_MOST = 300_000;
let wait = EVERY;
let timer = null;
let over = false; // logged out, or the video is gone

function askIn(milliseconds) {
  clearTimeout(timer);
  timer = over ? null : setTimeout(ask, milliseconds);
}

async function ask() {
  const news = document.getElementById("news");
  // Nobody looks, or somebody is about to press what is told already.
  if (document.hidden || !news || news.contains(document.activeElement)) {
    askIn(EVERY);
    return;
  }
  try {
    const answer = await fetch(news.dataset.address, { redirect: "manual" });
    over = answer.type === "opaqueredirect" || (answer.status >= 400 && answer.status < 500);
    if (answer.status === 200 && news.isConnected) {
      news.innerHTML = await answer.text();
      htmx.process(news);
    }
    wait = answer.status < 500 ? EVERY : Math.min(2 * wait, AT_MOST);
  } catch {
    wait = Math.min(2 * wait, AT_MOST); // the server cannot be reached
  }
  askIn(wait);
}

askIn(EVERY);
document.addEventListener("visibilitychange", () => document.hidden || askIn(1000));

if (addressed() !== null) {
  mark(second);
}
