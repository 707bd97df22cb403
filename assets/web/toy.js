// The toy: its state, its pictures, what the server sends while it trains. Needs page.js, lab.js
// and Scatter. This file and the other toy-*.js run as one function; given to it: element, props,
// watch, server, trigger. What people typed is only ever written through textContent.

const CELLS = 25, PAPER = [255, 255, 255], INK = [30, 41, 59];
const GREY = "#94a3b8";

// The one state that everything is drawn from.
const toy = {
  id: null, // its name on the server
  pictures: null, families: [], names: [], // a byte a cell: 255 is ink
  own: [], // what was drawn here: cells and family
  spaces: [null, null], // codes, decoded, near, kin, loss of each
  chosen: 0,
  attempt: 0, // counts the trainings: what still arrives of an older one is dropped
};

const familyOf = (i) => toy.names[toy.families[i]];
const colourOf = (family) => SCATTER_COLOURS[family % SCATTER_COLOURS.length];
const cellsOf = (levels, i) => levels.subarray(i * CELLS, (i + 1) * CELLS);

// Draws pictures of 25 bytes side by side, so many in a row.
function drawPictures(canvas, levels, columns = 1) {
  const n = levels.length / CELLS, rows = Math.ceil(n / columns);
  Object.assign(canvas, { width: 5 * columns, height: 5 * rows });
  const image = new ImageData(canvas.width, canvas.height);
  levels.forEach((level, k) => {
    const i = Math.floor(k / CELLS), cell = k % CELLS;
    const x = 5 * (i % columns) + (cell % 5), y = 5 * Math.floor(i / columns) + Math.floor(cell / 5);
    const colour = PAPER.map((paper, c) => paper + ((INK[c] - paper) * level) / 255);
    image.data.set([...colour, 255], 4 * (y * canvas.width + x));
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// What the server answers, without words while it computes.
async function fetchAnswer(name, asked, place) {
  const { data, error } = await server[name](asked).catch(lost);
  if (error) place.textContent = error;
  return data;
}

const curves = new Map(); // what each canvas shows
const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) drawCurve(target, ...curves.get(target));
});

// Shows the loss over the steps, from now on: on a page that is hidden a canvas has no size.
function drawLoss(canvas, ...curve) {
  if (!curves.has(canvas)) resized.observe(canvas);
  curves.set(canvas, curve);
  drawCurve(canvas, ...curve);
}

// The losses, from high down to low; on a scale of powers of ten if low is above 0.
function drawCurve(canvas, losses, places, [low, high], log) {
  const scale = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width) return;
  Object.assign(canvas, { width: width * scale, height: height * scale });
  const context = canvas.getContext("2d"), style = getComputedStyle(canvas), left = 34, bottom = height - 6;
  const level = (x) => (log ? Math.log(x / low) / Math.log(high / low) : (x - low) / (high - low));
  const y = (x) => bottom - (bottom - 8) * Math.max(0, Math.min(1, level(x)));
  context.scale(scale, scale);
  context.font = `11px ${style.fontFamily}`;
  context.fillStyle = style.color;
  context.textAlign = "right";
  context.fillText(high, left - 5, 12);
  context.fillText(low, left - 5, bottom);
  context.globalAlpha = 0.35;
  context.fillRect(left, 4, 1, bottom - 4);
  context.fillRect(left, bottom, width - left, 1);
  context.globalAlpha = 1;
  context.strokeStyle = style.accentColor;
  context.lineWidth = 2;
  context.beginPath();
  losses.forEach((loss, i) => context.lineTo(left + ((width - left - 4) * i) / (places - 1), y(loss)));
  context.stroke();
}

// Asks for a training; its messages arrive as values.
function train(part, more = {}) {
  toy.attempt++;
  busy(part);
  trigger("submit", { asked: { part, toy: toy.id, attempt: toy.attempt, ...more } });
}

// Which training is under way, if any.
function busy(part) {
  toy.part = part;
  const space = part && part.startsWith("space");
  parts.train.disabled = parts.second.disabled = parts.learn.disabled = Boolean(part);
  if (!toy.id) parts.second.disabled = true;
  parts.stop.disabled = !space;
  parts.halt.disabled = part !== "denoiser";
}

function receive(message) {
  if (!message || !message.kind) return;
  if (message.kind === "error") {
    busy(null);
    return say(message.text);
  }
  if (message.attempt !== toy.attempt) return;
  const place = message.part === "denoiser" ? parts.learning : parts.status;
  if (message.part === "space 0" && message.toy !== toy.id) newToy(message.toy);
  if (message.kind === "stop") return busy(null), void (place.textContent = "Stopped");
  if (message.kind === "wait") {
    const { ahead } = message;
    return void (place.textContent = ahead ? `${ahead} toy${ahead > 1 ? "s" : ""} ahead of yours …` : "Training …");
  }
  const { step, steps, loss, seconds } = message, done = seconds !== undefined;
  const at = loss.length ? ` · loss ${number(loss.at(-1))}` : "";
  place.textContent = done
    ? `${step < steps ? "Stopped: " : ""}${step.toLocaleString("en")} steps in ${seconds} s${at}`
    : `step ${step.toLocaleString("en")} of ${steps.toLocaleString("en")}${at}`;
  if (message.part === "denoiser") showLearning(message, done);
  else showSpace(Number(message.part.at(-1)), message, done);
  if (done) busy(null);
}

const stopTraining = () => fetchAnswer("stop", { toy: toy.id }, parts.status);
parts.train.addEventListener("click", () => train("space 0", { own: toy.own, seed: newSeed() }));
parts.second.addEventListener("click", () => {
  parts.other.hidden = false;
  train("space 1", { seed: newSeed() });
});
parts.stop.addEventListener("click", stopTraining);
parts.halt.addEventListener("click", stopTraining);
const newSeed = () => Math.floor(Math.random() * 2 ** 31);
