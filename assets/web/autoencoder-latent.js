// The latent of the picture, what is done to it, and the picture that follows.

const state = { coded: null, x0: null, latent: null, unscaled: null }; // before the slider moved it
const isEdited = () => state.latent.some((value, i) => value !== state.x0[i]);

function draw() {
  const { coded, latent } = state;
  drawMap(parts.latent, toLevels(latent, coded.map_limit), coded.latent_shape);
  parts.scale_value.textContent = `× ${Number(parts.scale.value).toFixed(1)}`;
  parts.edited.textContent = isEdited() ? ", as you changed it" : ": the reconstruction";
}

// Makes the numbers of the chosen channels of one channel's numbers, as they are or as they were
// before the slider moved them.
function edit(make, of = state.latent) {
  if (!state.coded) return;
  const [C, h, w] = state.coded.latent_shape, n = h * w;
  for (let c = 0; c < C; c++) {
    if (parts.channel.value !== "all" && Number(parts.channel.value) !== c) continue;
    const [now, before] = [state.latent, of].map((x) => x.subarray(c * n, (c + 1) * n));
    now.set(make(before));
  }
  if (of === state.latent) settle();
  else draw();
  follow();
}

// What is there now counts as it stands: the slider begins there again, at 1.
function settle() {
  parts.scale.value = 1;
  state.unscaled = state.latent.slice();
  draw();
}

function shuffled(numbers) {
  const all = numbers.slice();
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all;
}

let running = false, again = false;

// Decodes the latent as it is now; while one is under way, only the newest waits.
async function follow() {
  again = running;
  if (running) return;
  running = true;
  const { latent, coded } = state, began = performance.now();
  const picture = await ask("decode", { latent: packed(latent) });
  running = false;
  if (picture && coded === state.coded) {
    drawBitmap(parts.back, await decode(picture));
    parts.took.textContent = `decoded in ${Math.round(performance.now() - began)} ms, sending and waiting included`;
  }
  if (again) follow();
}

function paint(event) {
  if (!state.coded || !(event.buttons & 1)) return;
  event.preventDefault();
  const shape = state.coded.latent_shape, cell = cellAt(event, parts.latent, shape);
  if (!cell) return;
  const [c, y, x] = cell, at = (c * shape[1] + y) * shape[2] + x;
  if (state.latent[at] === Number(parts.brush.value)) return;
  state.latent[at] = Number(parts.brush.value);
  parts.row.value = y + 1;
  parts.column.value = x + 1;
  settle();
  follow();
}

// Paints the cell that the fields name, in the chosen channels: without a pointer.
function paintCell() {
  const [, h, w] = state.coded ? state.coded.latent_shape : [];
  const row = Number(parts.row.value) - 1, column = Number(parts.column.value) - 1;
  if (!(row >= 0 && row < h && column >= 0 && column < w)) return say("There is no such cell.");
  edit((now) => now.with(row * w + column, Number(parts.brush.value)));
}

// Called for every new picture.
async function take() {
  const picture = chosen;
  const coded = await ask("code", { file: picture.picture });
  if (!coded || picture !== chosen) return;
  const x0 = floats(coded.latent);
  Object.assign(state, { coded, x0, latent: x0.slice() });
  drawBitmap(parts.picture, await decode(picture.picture));
  drawBitmap(parts.back, await decode(coded.back));
  drawMap(parts.difference, bytes(coded.difference), [1, ...coded.image_size]);
  parts.darker.textContent = `−${coded.difference_limit}`;
  parts.brighter.textContent = `${coded.difference_limit}`;
  describe(coded);
  fillChannels(coded.latent_shape);
  clearAnswers();
  settle();
  if (parts.other.value) blend();
}

const group = (n) => n.toLocaleString("en");

function describe({ image_size: [H, W], latent_shape: [C, h, w], ...coded }) {
  parts.numbers_in.textContent = `${W} × ${H} × 3 = ${group(coded.pixels)} numbers`;
  parts.numbers_out.textContent = `${C} × ${h} × ${w} = ${group(coded.numbers)} numbers`;
  const half = 2 * coded.numbers;
  parts.quality.textContent =
    `PSNR ${coded.psnr.toFixed(1)} dB (peak signal-to-noise ratio: the more, the more alike), SSIM ` +
    `${coded.ssim.toFixed(3)} (structural similarity: 1 is equal). ` +
    `${number(coded.pixels / coded.numbers)} times fewer numbers. In memory: ${group(coded.pixels)} ` +
    `bytes at 8 bits a pixel's channel; the latent ${group(half)} bytes at 16 bits a number: ` +
    `${group(coded.pixels - half)} bytes saved, ${Math.round(100 * (1 - half / coded.pixels))} %.`;
}

function fillChannels([C, h, w]) {
  const options = Array.from({ length: C }, (_, c) => new Option(c + 1, c));
  parts.channel.replaceChildren(new Option("all", "all"), ...options);
  Object.assign(parts.row, { max: h, value: Math.ceil(h / 2) });
  Object.assign(parts.column, { max: w, value: Math.ceil(w / 2) });
}
