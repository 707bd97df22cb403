// What both schedules make of the picture at t. Everything is mixed here, so scrubbing asks nobody.

const first = parts.pair.firstElementChild;
parts.pair.append(first.cloneNode(true));
const sides = [...parts.pair.children].map((node, k) => {
  node.classList.add(`curve-${k}`);
  const view = Object.fromEntries(
    [...node.querySelectorAll("[data-view]")].map((part) => [part.dataset.view, part]),
  );
  view.schedule.setAttribute("aria-label", `Schedule ${k + 1}`);
  drawLegend(view.legend);
  return view;
});

const state = { t: 0, T: 0, compare: null, noised: null };
const PLOTS = ["beta", "signal", "snr"];

function draw() {
  if (!state.compare) return;
  const { t, T } = state;
  parts.slider.value = t;
  parts.slider.style.setProperty("--done", `${(100 * t) / (T - 1)}%`);
  parts.readout.textContent = `t ${t} of ${T - 1}`;
  parts.slider.setAttribute("aria-valuetext", parts.readout.textContent);
  const [left, right] = state.compare.span;
  for (const line of element.querySelectorAll(".guide")) {
    line.style.left = `${100 * (left + ((right - left) * t) / (T - 1))}%`;
  }
  for (const view of sides) drawSide(view, t);
}

function drawSide(view, t) {
  const levels = state.compare.levels[view.schedule.value];
  const a = levels[t], beta = 1 - a / (t ? levels[t - 1] : 1);
  const snr = a / (1 - a);
  view.readout.textContent =
    `${percent(1 - a)} noise · β ${number(beta)} · SNR ${number(snr)}`;
  if (!state.noised) return;
  const { image, grain, x0, eps, decoded, latent_shape, map_limit } = state.noised;
  const signal = Math.sqrt(a), noise = Math.sqrt(1 - a);
  const pixels = mix(image, grain, signal, noise), x_t = mix(x0, eps, signal, noise);
  drawPixels(view.pixels, pixels, state.noised.image_size);
  const angle = Math.acos(Math.min(1, signal)) / (Math.PI / 2);
  drawBitmap(view.decoded, decoded[Math.round(angle * (decoded.length - 1))]);
  drawMap(view.latent, toLevels(x_t, map_limit), latent_shape);
  drawMap(view.noise, toLevels(eps.map((e) => noise * e), map_limit), latent_shape);
  drawValues(view.pixel_values, pixels);
  drawValues(view.latent_values, x_t);
}

function percent(x) {
  if (x > 0.9995 && x < 1) return `${(100 * x).toFixed(x > 0.99995 ? 4 : 2)} %`;
  return `${(100 * x).toFixed(x < 0.0995 ? 1 : 0)} %`;
}

const mix = (x, y, a, b) => x.map((value, i) => a * value + b * y[i]);

// Draws an image of 3*H*W numbers; those beyond -1 ... 1 have the colour of the end.
function drawPixels(canvas, numbers, [height, width]) {
  Object.assign(canvas, { width, height });
  const image = new ImageData(width, height), n = width * height;
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = 127.5 * (numbers[c * n + i] + 1);
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Draws how often values from -4 to 4 occur, as bars, and the standard normal curve.
function drawValues(canvas, numbers) {
  const BINS = 64, LIMIT = 4, TOP = 0.8; // of the density, where taller bars end
  const counts = new Float32Array(BINS);
  for (const x of numbers) {
    const bin = Math.floor(((x + LIMIT) / (2 * LIMIT)) * BINS);
    if (bin >= 0 && bin < BINS) counts[bin] += 1;
  }
  const [width, height] = [256, 72];
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d"), style = getComputedStyle(canvas);
  const y = (density) => height - 1 - (height - 4) * Math.min(1, density / TOP);
  context.fillStyle = style.getPropertyValue("--curve");
  counts.forEach((count, bin) => {
    const density = count / numbers.length / ((2 * LIMIT) / BINS);
    context.fillRect((bin * width) / BINS, y(density), width / BINS - 1, height - y(density));
  });
  context.strokeStyle = style.getPropertyValue("--body-text-color");
  context.lineWidth = 1.5;
  context.beginPath();
  for (let i = 0; i <= width; i++) {
    const x = (i / width) * 2 * LIMIT - LIMIT;
    context.lineTo(i, y(Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)));
  }
  context.stroke();
}

// Shows the curves of the two schedules, in the colours of their sides.
function pick() {
  const keys = sides.map((view) => view.schedule.value);
  for (const name of PLOTS) {
    for (const curve of parts[name].querySelectorAll(`[id^="${name}-"]`)) {
      const side = keys.indexOf(curve.id.slice(name.length + 1));
      curve.style.display = side < 0 ? "none" : "";
      curve.setAttribute("class", `curve-${side}`);
    }
  }
  for (const view of sides) view.words.textContent = state.compare.words[view.schedule.value];
  draw();
}

async function prepare() {
  const compare = await ask("compare");
  if (!compare) return;
  for (const key in compare.levels) compare.levels[key] = floats(compare.levels[key]);
  Object.assign(state, { compare, T: compare.T });
  parts.slider.max = compare.T - 1;
  parts.own.textContent = compare.names[compare.own];
  const other = compare.own === "constant" ? "cosine" : "constant";
  sides.forEach((view, k) => {
    const options = Object.keys(compare.names).map((key) => new Option(compare.names[key], key));
    view.schedule.replaceChildren(...options);
    view.schedule.disabled = false;
    view.schedule.value = [compare.own, other][k];
    view.schedule.addEventListener("change", pick);
  });
  for (const name of PLOTS) {
    parts[name].innerHTML = compare.curves[name];
    parts[name].append(make("div", { className: "guide" }));
  }
  state.t = window.ldm.t ?? Math.round(compare.T / 4);
  pick();
}

// Called for every new picture, and for another seed.
async function take() {
  const picture = chosen;
  parts.prompt.value = picture.caption;
  return mixAgain(picture);
}

async function mixAgain(picture = chosen) {
  const found = await ask("noise", { file: picture.picture, seed: Number(parts.seed.value) });
  if (!found || picture !== chosen) return;
  const decoded = await Promise.all(found.decoded.map(decode));
  const grain = Float32Array.from(bytes(found.grain), (b) => (b / 127.5 - 1) * found.grain_limit);
  const image = toNumbers(await decode(picture.picture));
  const [x0, eps] = [found.x0, found.eps].map(floats);
  state.noised = { ...found, decoded, grain, image, x0, eps };
  clearAnswers();
  draw();
}

// Returns a picture's 3*H*W numbers from -1 to 1.
function toNumbers(bitmap) {
  const canvas = make("canvas");
  drawBitmap(canvas, bitmap);
  const n = bitmap.width * bitmap.height;
  const { data } = canvas.getContext("2d").getImageData(0, 0, bitmap.width, bitmap.height);
  return Float32Array.from({ length: 3 * n }, (_, i) => data[4 * (i % n) + Math.floor(i / n)] / 127.5 - 1);
}
