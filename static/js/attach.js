// components/attach.html: a file chosen or dropped, a picture pasted, a voice memo by the microphone; seen or heard
// before it is sent.
// Whatever it comes from, the file is put into the form's own file input, so that the form is sent as ever.
// Without this file the input works by itself.

import { clock } from "./playtime.js";
import { Recorder, canRecord, reason } from "./recorder.js";

const megabyte = 2 ** 20;

const megabytes = (bytes) => `${Math.ceil((bytes * 10) / megabyte) / 10} MB`;
const weight = (bytes) => (bytes < megabyte / 10 ? `${Math.ceil(bytes / 1024)} KB` : megabytes(bytes));
const isPicture = (file) => file.type.startsWith("image/");
// By its name, too: not every system tells a browser what an Office document is.
const isDocument = (file) => /^application\/(pdf|vnd\.)/.test(file.type) || /\.(pdf|docx|xlsx|pptx)$/i.test(file.name);
const isSound = (file) => !isPicture(file) && !isDocument(file);
const noun = (file) => (isPicture(file) ? "picture" : isDocument(file) ? "document" : "recording");

const attachments = new Map(); // by their element
let left = null; // what was attached to a form that htmx has just replaced: {form, chosen}

class Attachment {
  chosen = null; // {file, seconds}: seconds if it was recorded here
  before = null; // what `chosen` took the place of
  recorder = null;
  address = null;

  constructor(root) {
    this.root = root;
    this.input = root.querySelector("input[type=file]");
    this.form = this.input.form;
    this.seconds = Number(this.input.dataset.seconds);
    root.dataset.ready = "";
    root.querySelector("label").className = "button small";
    this.part("record").hidden = !canRecord();
    this.part("longest").textContent = clock(this.seconds);
    this.listen();
    if (left?.form && left.form === this.formId && !root.querySelector(".errorlist")) {
      this.take(left.chosen);
    }
    left = null;
  }

  part(name) {
    return this.root.querySelector(`[data-${name}]`);
  }

  // The id that the form gives to its row: the same as long as it is the same form, however often it is drawn.
  get formId() {
    return this.form.elements.namedItem("id")?.value;
  }

  say(text, level = "") {
    this.part("said").textContent = text;
    this.part("said").dataset.level = level;
    this.part("put-back").hidden = true;
  }

  listen() {
    const on = (name, act) => this.part(name).addEventListener("click", act);
    on("record", () => this.record());
    on("stop", () => this.recorder.stop());
    on("pause", () => this.pause());
    on("discard-recording", () => this.discard());
    on("remove", () => this.remove());
    on("put-back", () => this.putBack());
    this.part("picture").addEventListener("error", () => (this.part("picture").hidden = true));
    this.input.addEventListener("change", () => {
      const [file] = this.input.files;
      if (file) {
        this.choose({ file });
      } else {
        this.fill(); // the dialog was left without a choice
      }
    });
    this.form.addEventListener("paste", (event) => this.paste(event));
    this.form.addEventListener("dragover", (event) => this.drag(event));
    this.form.addEventListener("dragleave", (event) => {
      if (!this.form.contains(event.relatedTarget)) {
        delete this.root.dataset.dropping;
      }
    });
    this.form.addEventListener("drop", (event) => this.drop(event));
    this.form.addEventListener("submit", (event) => this.submit(event), { capture: true });
    this.form.addEventListener("reset", () => this.forget());
    this.form.addEventListener("htmx:beforeSend", () => {
      this.part("progress").value = 0;
      this.part("progress").hidden = !this.chosen;
    });
    this.form.addEventListener("htmx:xhr:progress", ({ detail }) => {
      if (detail.lengthComputable && detail.total >= (this.chosen?.file.size ?? Infinity)) {
        this.part("progress").value = detail.loaded / detail.total;
      }
    });
    this.form.addEventListener("htmx:afterRequest", () => {
      this.sending = false;
      this.part("progress").hidden = true;
    });
  }

  // Choosing

  refusal(file) {
    const fits = !file.type || /^(audio|video)\//.test(file.type) || this.input.accept.split(",").includes(file.type);
    const { image, document: paper, audio, taken } = this.input.dataset;
    const limit = Number({ picture: image, document: paper, recording: audio }[noun(file)]);
    if (!fits) {
      return `This kind of file is not accepted. ${taken}`;
    }
    if (file.size === 0) {
      return "The file is empty. Choose another one.";
    }
    if (file.size > limit) {
      return `The ${noun(file)} has ${megabytes(file.size)}; at most ${megabytes(limit)} is allowed.`;
    }
    return "";
  }

  choose(choice) {
    const wrong = this.refusal(choice.file);
    if (wrong) {
      this.fill();
      this.say(wrong, "error");
      return;
    }
    const before = this.chosen;
    this.take(choice);
    this.before = before;
    if (before) {
      this.say(`The new ${noun(choice.file)} replaces the ${noun(before.file)}: only one can be sent.`);
      this.part("put-back").hidden = false;
    } else {
      this.say(`The ${noun(choice.file)} is attached but not sent yet.`);
    }
  }

  take(choice) {
    this.chosen = choice;
    this.root.querySelector(".errorlist")?.remove();
    this.fill();
    this.show();
  }

  fill() {
    const transfer = new DataTransfer();
    if (this.chosen) {
      transfer.items.add(this.chosen.file);
    }
    this.input.files = transfer.files;
  }

  show() {
    const { file, seconds } = this.chosen ?? {};
    const [picture, sound] = [this.part("picture"), this.part("sound")];
    URL.revokeObjectURL(this.address);
    this.address = file ? URL.createObjectURL(file) : null;
    for (const [element, fits] of [[picture, file && isPicture(file)], [sound, file && isSound(file)]]) {
      element.hidden = !fits;
      if (fits) {
        element.src = this.address;
      } else {
        element.removeAttribute("src");
        element.load?.(); // or it would play on
      }
    }
    this.part("attached").hidden = !file;
    if (file) {
      const name = seconds === undefined ? file.name : `Voice memo, ${clock(seconds)}`;
      this.part("name").textContent = `${name} · ${weight(file.size)}`;
    }
  }

  clear() {
    this.before = this.chosen;
    this.chosen = null;
    this.fill();
    this.show();
  }

  // The form begins anew.
  forget() {
    this.recorder?.discard();
    this.ended();
    this.clear();
    this.say("");
  }

  remove() {
    const removed = this.chosen;
    this.clear();
    this.say(`The ${noun(removed.file)} is removed.`);
    this.part("put-back").hidden = false;
    this.input.focus();
  }

  putBack() {
    const back = this.before;
    this.before = null;
    this.take(back);
    this.say(`The ${noun(back.file)} is back.`);
    this.part("remove").focus();
  }

  // Paste and drop

  // Programs put a picture of the text beside copied text: who pastes that wants the text.
  paste(event) {
    const file = [...event.clipboardData.files].find(isPicture);
    if (file && !event.clipboardData.types.includes("text/plain")) {
      event.preventDefault();
      this.choose({ file });
    }
  }

  drag(event) {
    if (event.dataTransfer.types.includes("Files")) {
      event.preventDefault();
      this.root.dataset.dropping = "";
    }
  }

  drop(event) {
    delete this.root.dataset.dropping;
    const [file] = event.dataTransfer.files;
    if (file) {
      event.preventDefault();
      this.choose({ file });
    }
  }

  // Recording

  async record() {
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.loudest = 0;
    const recorder = new Recorder({
      seconds: this.seconds,
      tick: calm ? 1000 : 100,
      onTick: (elapsed, level) => this.tick(elapsed, level),
      onEnd: (file, seconds, full) => this.recorded(file, seconds, full),
    });
    this.recorder = recorder;
    this.part("record").disabled = true;
    this.say("Allow this page to use the microphone.");
    try {
      await recorder.start();
    } catch (error) {
      this.ended();
      this.say(reason(error), "error");
      this.part("record").focus();
      return;
    }
    if (this.recorder !== recorder) {
      return; // the form was emptied while the browser asked
    }
    this.part("record").hidden = true;
    this.part("recorder").hidden = false;
    this.running(true);
    this.tick(0, 0);
    this.part("stop").focus();
    this.say("Speak now. Nothing is sent before you have listened to it.");
  }

  tick(elapsed, level) {
    this.loudest = Math.max(this.loudest, level);
    this.part("elapsed").textContent = clock(elapsed);
    this.part("level").setAttribute("width", Math.round(100 * level));
    if (elapsed > 4 && level !== null && this.loudest < 0.05 && !this.warned) {
      this.warned = true;
      this.say("Nothing can be heard yet. Is the right microphone on?", "error");
    }
  }

  running(on) {
    this.part("word").textContent = on ? "Recording" : "Paused";
    this.part("word").dataset.state = on ? "pending" : "none";
    this.part("pause").querySelector("span").textContent = on ? "Pause" : "Go on";
  }

  pause() {
    const { recorder } = this;
    if (recorder.paused) {
      recorder.resume();
    } else {
      recorder.pause();
    }
    this.running(!recorder.paused);
    this.say(recorder.paused ? `Paused at ${clock(recorder.elapsed)}.` : "Recording again.");
  }

  discard() {
    this.recorder.discard();
    this.ended();
    this.say("The recording is discarded.");
    this.part("record").focus();
  }

  recorded(file, seconds, full) {
    this.ended();
    this.choose({ file, seconds });
    const { textContent } = this.part("said");
    if (full && this.chosen?.file === file) {
      this.part("said").textContent = `${clock(this.seconds)} are full, so it has stopped. ${textContent}`;
    }
    this.part("sound").focus();
  }

  ended() {
    this.recorder = null;
    this.warned = false;
    this.part("recorder").hidden = true;
    this.part("record").hidden = !canRecord();
    this.part("record").disabled = false;
  }

  // Sending

  get unsent() {
    return !this.sending && (this.recorder !== null || this.chosen?.seconds !== undefined);
  }

  // What is still being recorded would be missing.
  submit(event) {
    if (this.recorder) {
      event.preventDefault();
      event.stopImmediatePropagation();
      this.recorder.stop();
      return;
    }
    this.sending = true;
  }

  // htmx takes the form away, perhaps to put it back with what is wrong in it.
  leave() {
    left = this.chosen && { form: this.formId, chosen: this.chosen };
    this.recorder?.discard();
    URL.revokeObjectURL(this.address);
  }
}

function begin(root) {
  for (const element of [...(root.matches("[data-attach]") ? [root] : []), ...root.querySelectorAll("[data-attach]")]) {
    if (!attachments.has(element)) {
      attachments.set(element, new Attachment(element));
    }
  }
}

document.addEventListener("htmx:beforeCleanupElement", ({ target }) => {
  attachments.get(target)?.leave();
  attachments.delete(target);
});
document.addEventListener("htmx:load", (event) => begin(event.detail.elt));
// A recording that was not sent is nowhere else.
window.addEventListener("beforeunload", (event) => {
  if ([...attachments.values()].some((attachment) => attachment.unsent)) {
    event.preventDefault();
  }
});
begin(document.body);
