// What the labs share: their parts, asking the server, pictures as they are sent. Needs page.js.

const parts = Object.fromEntries(
  [...element.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]),
);

function say(text) {
  parts.status.textContent = text;
}

// What the server answers; what is wrong is said in its own words.
async function ask(name, asked = {}) {
  say("Computing …");
  const wait = (words) => say(words || "Computing …");
  const { data, error } = await askInLine(name, asked, wait).catch(lost);
  say(error || "");
  return data;
}

// Decodes a JPEG or PNG.
function decode(base64) {
  const png = base64.startsWith("iVBOR");
  return createImageBitmap(new Blob([bytes(base64)], { type: png ? "image/png" : "image/jpeg" }));
}

function drawBitmap(canvas, bitmap) {
  Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
}

// Returns 0 ... 255 for numbers from -limit to limit, as drawMap takes them.
function toLevels(numbers, limit) {
  return Uint8Array.from(numbers, (x) => Math.round((Math.max(-limit, Math.min(limit, x)) / limit + 1) * 127.5));
}

const note = (textContent) => make("p", { textContent });

// Returns a figure with a picture in base64, and words under it.
function pictureFigure(base64, words) {
  const canvas = make("canvas", { role: "img", ariaLabel: words });
  if (base64) decode(base64).then((bitmap) => drawBitmap(canvas, bitmap));
  return make("figure", {}, canvas, make("figcaption", { textContent: words }));
}

// Returns a figure with a map in base64, its legend, and words under it.
function mapFigure(base64, shape, limit, words) {
  const canvas = make("canvas", { role: "img", ariaLabel: words });
  drawMap(canvas, bytes(base64), shape);
  const figure = make("figure", { className: "map" }, canvas, legend(limit));
  figure.append(make("figcaption", { textContent: words }));
  return figure;
}

function legend(limit) {
  const canvas = make("canvas");
  drawLegend(canvas);
  const words = `Blue is minus ${limit}, white is 0, orange is plus ${limit}`;
  const ends = [`−${limit}`, `${limit}`].map((textContent) => make("span", { textContent }));
  return make("div", { className: "legend", role: "img", ariaLabel: words }, ends[0], canvas, ends[1]);
}
