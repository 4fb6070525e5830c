// Recording sound from the microphone; attach.js shows it.

const KINDS = [
  ["audio/webm;codecs=opus", "webm"],
  ["audio/mp4", "m4a"],
  ["audio/ogg;codecs=opus", "ogg"],
];
const BITS = 64_000; // a second: speech needs no more
const QUIET = 60; // decibels below the loudest; what is softer counts as silence

const kind = () => KINDS.find(([type]) => window.MediaRecorder?.isTypeSupported(type));

export const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia && kind());

const REASONS = {
  NotAllowedError: "The browser may not use the microphone. Allow it in the browser's settings for this page, or choose a file.",
  NotFoundError: "No microphone was found. Connect one, or choose a file.",
  NotReadableError: "The microphone cannot be used: perhaps another program has it. Close that, or choose a file.",
};

// Why `start()` did not succeed, in words.
export const reason = (error) => REASONS[error.name] ?? "Recording does not work in this browser. Choose a file instead.";

export class Recorder {
  #stream;
  #recorder;
  #context;
  #analyser;
  #timer;
  #parts = [];
  #before = 0; // milliseconds recorded until the last pause
  #since = null; // when it last went on
  #over = false;

  // seconds: after how many it stops by itself.  tick: how often (ms) onTick(seconds, level from 0 to 1; null: not known)
  // is called.
  // onEnd(file, seconds, full): the File, unless it was discarded; whether it stopped by itself.
  constructor({ seconds, tick, onTick, onEnd }) {
    Object.assign(this, { seconds, tick, onTick, onEnd });
  }

  get elapsed() {
    return (this.#before + (this.#since === null ? 0 : performance.now() - this.#since)) / 1000;
  }

  get paused() {
    return this.#recorder?.state === "paused";
  }

  // Asks for the microphone.  Rejects with what `reason` explains.
  async start() {
    this.#stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    if (this.#over) {
      this.#release(); // discarded while the browser asked
      return;
    }
    try {
      this.#begin();
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  #begin() {
    const [type] = kind();
    this.#recorder = new MediaRecorder(this.#stream, { mimeType: type, audioBitsPerSecond: BITS });
    this.#recorder.addEventListener("dataavailable", ({ data }) => {
      this.#parts.push(data);
      this.#check();
    });
    this.#recorder.addEventListener("stop", () => this.#finish());
    this.#context = new AudioContext();
    this.#analyser = new AnalyserNode(this.#context, { fftSize: 1024 });
    this.#context.createMediaStreamSource(this.#stream).connect(this.#analyser);
    this.#recorder.start(1000); // a piece each second, also in a tab that nobody looks at, where timers are slow
    this.#since = performance.now();
    this.#timer = setInterval(() => this.#check(), this.tick);
  }

  pause() {
    this.#before += performance.now() - this.#since;
    this.#since = null;
    this.#recorder.pause();
  }

  resume() {
    this.#since = performance.now();
    this.#recorder.resume();
  }

  stop() {
    if (this.#recorder && this.#recorder.state !== "inactive") {
      this.#recorder.stop();
    }
  }

  discard() {
    this.#over = true;
    this.stop();
    this.#release();
  }

  #check() {
    if (this.#recorder.state === "inactive") {
      return;
    }
    this.onTick(this.elapsed, this.paused ? null : this.#level());
    if (this.elapsed >= this.seconds) {
      this.stop();
    }
  }

  // Firefox measures nothing on a machine without loudspeakers or headphones, and records all the same.
  #level() {
    if (this.#context.state !== "running") {
      return null;
    }
    const wave = new Float32Array(this.#analyser.fftSize);
    this.#analyser.getFloatTimeDomainData(wave);
    const loudness = Math.sqrt(wave.reduce((sum, value) => sum + value * value, 0) / wave.length);
    return Math.min(Math.max(1 + (20 * Math.log10(loudness)) / QUIET, 0), 1);
  }

  // Also when the microphone is unplugged: what was recorded until then is kept.
  #finish() {
    const seconds = Math.min(this.elapsed, this.seconds);
    this.#release();
    if (!this.#over) {
      const [type, suffix] = kind();
      const file = new File(this.#parts, `voice-memo.${suffix}`, { type: type.split(";")[0] });
      this.onEnd(file, seconds, seconds === this.seconds);
    }
  }

  #release() {
    clearInterval(this.#timer);
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#context?.close();
    this.#context = null;
  }
}
