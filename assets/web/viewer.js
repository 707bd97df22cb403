// Shows one run, step by step. Every frame stays here, so scrubbing asks nobody.
// Given by Gradio: element, props (props.value is the newest message), watch, server; drawMap and
// drawLegend by colours.js.
// What people typed is only ever written through textContent.

const parts = Object.fromEntries(
  [...element.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]),
);
const FRAMES_PER_SECOND = 10;
const THUMBNAIL = 44; // CSS pixels

// The one state that every view is drawn from.
const state = {
  run: null, // its "start" message
  next: 0, // place of the message that is to come
  frames: [], // a step each: its message, with decoded previews and maps
  index: 0, // the step that is shown
  following: true, // the newest step, until somebody scrubs
  timer: null, // while playing
};
const past = new Set(); // runs that were replaced: what still arrives of them is dropped

// --- messages ---------------------------------------------------------------------------------

let inbox = Promise.resolve(); // messages are handled one after another, decoding included

function receive(message) {
  if (message) inbox = inbox.then(() => handle(message)).catch(console.error);
}

async function handle(message) {
  if (message.kind === "run") return recall(message.messages);
  if (message.kind === "wait") return say(`${message.text} …`);
  if (message.kind === "stop") return stopped();
  if (past.has(message.run)) return;
  const known = state.run && state.run.run === message.run;
  const expected = known ? state.next : 0;
  if (message.n > expected) {
    // Gradio merges what arrives in one animation frame, and a hidden tab has none.
    const missed = await server.missed({ run: message.run, after: expected });
    for (const old of missed.filter((old) => old.n < message.n)) await accept(old);
  }
  await accept(message);
}

async function accept(message) {
  if (state.run && state.run.run === message.run && message.n < state.next) return;
  if (message.kind === "start") start(message);
  if (message.kind === "step") await addFrame(message);
  if (message.kind === "end") say(`${count(state.frames.length)} in ${message.seconds} s`);
  state.next = message.n + 1;
}

function start(message) {
  if (state.run) past.add(state.run.run);
  Object.assign(state, { run: message, frames: [], index: 0, following: true });
  pause();
  const [h, w] = message.image_size;
  for (const name of ["x_t", "x0_hat"]) Object.assign(parts[name], { width: w, height: h });
  parts.slider.max = message.steps - 1;
  parts.empty.hidden = true;
  parts.prompt.textContent =
    `“${message.prompt}”` + (message.negative ? ` without “${message.negative}”` : "");
  parts.about.textContent =
    `seed ${message.seed} · guidance ${message.guidance} · ${message.sampler_name} · ${message.model}`;
  parts.cut.textContent = message.cut.length
    ? `Too long for the text encoder, not read: “${message.cut.join("” “")}”` : "";
  say("Drawing …");
  drawFilm();
}

async function addFrame(message) {
  state.frames[message.index] = await toFrame(message);
  if (state.following) state.index = message.index;
  enable(true);
  drawThumbnails();
  draw();
}

// A run that was recorded earlier, as a whole.
async function recall(messages) {
  const frames = await Promise.all(messages.filter((m) => m.kind === "step").map(toFrame));
  start(messages[0]);
  Object.assign(state, { frames, next: messages.length });
  enable(true);
  drawThumbnails();
  seek(Math.floor(0.6 * frames.length));
  say("Recorded earlier: scrub it, or draw your own");
}

async function toFrame(message) {
  const [x_t, x0_hat] = await Promise.all([message.x_t, message.x0_hat].map(decode));
  return { ...message, x_t, x0_hat, latent: bytes(message.latent), eps_hat: bytes(message.eps_hat) };
}

const bytes = (base64) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
const decode = (base64) => createImageBitmap(new Blob([bytes(base64)], { type: "image/jpeg" }));
const count = (n) => `${n} step${n === 1 ? "" : "s"}`;

function enable(on) {
  parts.play.disabled = parts.slider.disabled = !on;
}

function say(text) {
  parts.status.textContent = text;
}

function stopped() {
  if (state.run) past.add(state.run.run);
  const all = state.run && state.frames.length === state.run.steps;
  if (!all) say(state.frames.length ? `Stopped after ${count(state.frames.length)}` : "Stopped");
}

// --- drawing ----------------------------------------------------------------------------------

function draw() {
  const frame = state.frames[state.index];
  if (!frame) return;
  for (const name of ["x_t", "x0_hat"]) parts[name].getContext("2d").drawImage(frame[name], 0, 0);
  for (const name of ["latent", "eps_hat"]) drawMap(parts[name], frame[name], state.run.latent_shape);
  const percent = Math.round(100 * frame.noise_variance);
  const text =
    `step ${state.index + 1} of ${state.run.steps} · t ${frame.t}` +
    ` · ${percent} % noise variance · SNR ${number(frame.snr)}`;
  parts.readout.textContent = text;
  parts.slider.value = state.index;
  parts.slider.style.setProperty("--done", `${(100 * state.index) / (state.run.steps - 1 || 1)}%`);
  parts.slider.setAttribute("aria-valuetext", text);
  moveMarker();
}

function number(x) {
  if (x >= 10) return Math.round(x).toLocaleString("en");
  return x >= 0.001 ? x.toPrecision(2) : "< 0.001";
}

// --- the filmstrip: as many steps as there is room for ----------------------------------------

function slots() {
  const steps = state.run ? state.run.steps : 1;
  const n = Math.max(1, Math.min(steps, Math.floor(parts.strip.clientWidth / THUMBNAIL)));
  const stepOf = (slot) => (n === 1 ? 0 : Math.round((slot * (steps - 1)) / (n - 1)));
  return { n, steps, stepOf, width: parts.strip.clientWidth / n };
}

function drawFilm() {
  const scale = window.devicePixelRatio || 1;
  parts.film.width = parts.strip.clientWidth * scale;
  parts.film.height = THUMBNAIL * scale;
  drawThumbnails();
  moveMarker();
}

function drawThumbnails() {
  if (!state.run) return;
  const { n, stepOf, width } = slots();
  const context = parts.film.getContext("2d");
  const scale = window.devicePixelRatio || 1;
  const side = Math.min(width, THUMBNAIL) - 2;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, parts.strip.clientWidth, THUMBNAIL);
  for (let slot = 0; slot < n; slot++) {
    const frame = state.frames[stepOf(slot)];
    if (frame) context.drawImage(frame.x_t, (slot + 0.5) * width - side / 2, 1, side, side);
  }
}

function moveMarker() {
  const { n, steps, width } = slots();
  const place = steps > 1 ? (state.index / (steps - 1)) * (n - 1) : 0;
  parts.marker.style.transform = `translateX(${(place + 0.5) * width - THUMBNAIL / 2}px)`;
  parts.marker.hidden = !state.frames.length;
}

// --- moving through the steps -----------------------------------------------------------------

function seek(index) {
  state.following = false;
  state.index = Math.max(0, Math.min(index, state.frames.length - 1));
  draw();
}

function pause() {
  clearInterval(state.timer);
  state.timer = null;
  parts.play.classList.remove("playing");
  parts.play.setAttribute("aria-label", "Play");
}

function play() {
  if (state.timer) return pause();
  if (state.frames.length < 2) return;
  if (state.index >= state.frames.length - 1) seek(0);
  parts.play.classList.add("playing");
  parts.play.setAttribute("aria-label", "Pause");
  state.timer = setInterval(() => {
    seek(state.index + 1);
    if (state.index >= state.frames.length - 1) pause();
  }, 1000 / FRAMES_PER_SECOND);
}

const KEYS = {
  ArrowLeft: () => seek(state.index - 1),
  ArrowRight: () => seek(state.index + 1),
  Home: () => seek(0),
  End: () => seek(Infinity),
  " ": play,
};

document.addEventListener("keydown", (event) => {
  const free = event.target === document.body || event.target === parts.slider;
  if (!free || event.ctrlKey || event.altKey || event.metaKey || !KEYS[event.key]) return;
  event.preventDefault();
  if (event.key !== " ") pause();
  KEYS[event.key]();
});

parts.slider.addEventListener("input", () => {
  pause();
  seek(Number(parts.slider.value));
});
parts.play.addEventListener("click", play);
for (const type of ["pointerdown", "pointermove"]) {
  parts.strip.addEventListener(type, (event) => {
    if (!state.run || !(event.buttons & 1)) return;
    const { n, steps, width } = slots();
    const slot = (event.clientX - parts.strip.getBoundingClientRect().left) / width - 0.5;
    pause();
    seek(Math.round((slot / Math.max(1, n - 1)) * (steps - 1)));
  });
}

new ResizeObserver(drawFilm).observe(parts.strip);
watch("value", () => receive(props.value));
drawLegend(parts.legend);
enable(false);
receive(props.value);
