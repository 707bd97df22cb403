// Reach of a cell, blends, what the code keeps, and what it saves.

const percent = (x) => `${(100 * x).toFixed(x < 0.0995 ? 1 : 0)} %`;

function clearAnswers() {
  for (const name of ["reach", "changes"]) {
    parts[`${name}_answer`].hidden = true;
    parts[`${name}_answer`].replaceChildren();
  }
}

async function reach() {
  if (!state.coded) return;
  const [row, column] = [parts.row, parts.column].map((field) => Number(field.value) - 1);
  const found = await ask("reach", { latent: packed(state.latent), row, column });
  if (!found) return;
  const [H, W] = state.coded.image_size, [tall, wide] = found.span;
  const figure = mapFigure(found.map, [1, H, W], found.limit, "mean change of each pixel");
  figure.classList.replace("map", "square");
  parts.reach_answer.replaceChildren(figure, note(
    `Each number of this cell was moved by ${found.nudge}, one at a time. It changes ` +
    `${group(found.count)} of ${group(H * W)} pixels by one level of 256 or more, in a box of ` +
    `${wide} × ${tall}; ${percent(found.inside)} of all change falls on the ${found.factor} × ` +
    `${found.factor} pixels that the cell stands for. The rest are its neighbours: the decoder ` +
    "looks at cells together.",
  ));
  parts.reach_answer.hidden = false;
}

let blends = null; // of the two pictures: their bitmaps and the decoded mixtures

async function fillOthers() {
  const gallery = await ask("gallery");
  if (!gallery) return;
  const options = gallery.captions.map((caption, index) => new Option(caption, index));
  parts.other.replaceChildren(new Option("choose a picture", ""), ...options);
}

async function blend() {
  if (!chosen || parts.other.value === "") return;
  const picture = chosen;
  const other = await ask("picture", { index: Number(parts.other.value) });
  const found = other && await ask("blend", { file: picture.picture, other: other.picture });
  if (!found || picture !== chosen) return;
  const ends = await Promise.all([picture.picture, other.picture].map(decode));
  blends = { ends, decoded: await Promise.all(found.decoded.map(decode)) };
  parts.blend_words.textContent = judge(found);
  parts.blend_answer.hidden = false;
  drawBlend();
}

const ALIKE = 28; // dB, above which two pictures look nearly the same

function judge({ psnr, apart }) {
  const measured = `Half and half, the two mixtures differ by ${psnr.toFixed(1)} dB PSNR ` +
    `(the two pictures themselves by ${apart.toFixed(1)} dB). `;
  return measured + (psnr > ALIKE
    ? "That is little: this code keeps places and colours so plainly that mixing it is nearly " +
      "mixing pixels. Both show two ghosts, and the latent mix is no better."
    : "They are not the same, yet the latent mix is no better: both lay one picture over the " +
      "other, for every cell of this code keeps its place. To make one thing of two takes a denoiser.");
}

function drawBlend() {
  if (!blends) return;
  const share = Number(parts.share.value) / (blends.decoded.length - 1);
  drawBitmap(parts.pixel_blend, blends.ends[0]);
  const context = parts.pixel_blend.getContext("2d");
  context.globalAlpha = share;
  context.drawImage(blends.ends[1], 0, 0);
  drawBitmap(parts.latent_blend, blends.decoded[Number(parts.share.value)]);
  parts.share_value.textContent = percent(share);
}

async function showChanges() {
  if (!chosen) return;
  const picture = chosen;
  const rows = await ask("changes", { file: picture.picture });
  if (!rows || picture !== chosen) return;
  const { latent_shape: shape, map_limit } = state.coded;
  parts.changes_answer.replaceChildren(...rows.map((row) => make("div", { className: "results" },
    pictureFigure(row.picture, row.words),
    pictureFigure(row.back, "what comes back"),
    mapFigure(row.map, shape, map_limit, "what moved in the latent"),
    note(
      `Pixels moved by ${percent(row.pixels)} of their spread, the latent by ` +
      `${percent(row.latent)} of its own. The pictures that come back differ by ` +
      `${percent(row.kept)} of the change that was made.`),
  )), note("All are root mean squares; spread is the standard deviation of all values."));
  parts.changes_answer.hidden = false;
}

async function showClock() {
  parts.clock.disabled = true;
  const found = await ask("clock");
  parts.clock.disabled = false;
  if (!found) return;
  const [H, W] = state.coded.image_size, [C, h, w] = state.coded.latent_shape;
  const ms = (seconds) => `${group(Math.round(1000 * seconds))} ms`;
  parts.clock_answer.textContent =
    `One pass on ${W} × ${H} × 3 pixels: ${ms(found.pixels)}. One on the ${w} × ${h} × ${C} latent: ` +
    `${ms(found.latent)}, ${number(found.pixels / found.latent)} times faster. Median of ` +
    `${found.pixels_passes} and of ${found.latent_passes}, batch 1, ${found.device}, ${found.threads} ` +
    `thread${found.threads === 1 ? "" : "s"}. Both are this model's U-Net, the one on pixels with ` +
    "3 channels in and out and random weights, which take as long; a run makes dozens of passes.";
  parts.clock_answer.hidden = false;
}
