// The map: pictures as points, and the one that is chosen. Needs scatter.js, page.js, colours.js.
// This file and the other map-*.js run as one function; given to it: element, props, server.
// What people typed is only ever written through textContent.

const parts = Object.fromEntries(
  [...element.querySelectorAll("[data-map]")].map((node) => [node.dataset.map, node]),
);
const SPACES = { latent: "latent", unet: "U-Net", text: "text", pixels: "pixels" };
const MAX_OWN = 24;
const OWN = "#e11d48"; // the colour of one's own pictures

// The one state; own pictures follow those of the atlas, from index atlas.n on.
const atlas = {
  n: 0, about: null, columns: null, own: [], chosen: null, group: null,
  sheet: null, side: 0, // a canvas with all small pictures, and the side of one
  paths: null, // { space, draw }: what is drawn over the points of that space
};
const listeners = []; // called with the index when a picture is chosen, null: an empty place

const scatter = new Scatter(parts.field, { label: "Map of the pictures" });

// What the server answers, { data } or { error }; a question without a body would be refused.
const call = (name, asked = null) => server[name](aboutThis(asked)).catch(lost);
// Names this map: another one may have been made since the page was opened.
const aboutThis = (asked) =>
  Array.isArray(asked) ? asked : { ...asked, map: atlas.about && atlas.about.digest };

// What it answers; what is wrong is said in its own words, at the given place.
async function ask(name, asked, place = parts.about) {
  const { data, error } = await call(name, asked);
  if (error) place.textContent = error;
  return data;
}

// The same for what the model has to compute: how many are ahead is said there too, while wanted.
async function askModel(name, asked, place = parts.about, isWanted = () => true) {
  const wait = (words) => isWanted() && (place.textContent = words || "Computing …");
  const { data, error } = await askInLine(name, aboutThis(asked), wait).catch(lost);
  if (error && isWanted()) place.textContent = error;
  return data;
}

const blob = (base64, type) => new Blob([bytes(base64)], { type });
const jpeg = (base64) => `data:image/jpeg;base64,${base64}`;
const round = (x) => x.toFixed(2);

function value(column, index) {
  if (index >= atlas.n) return column === "caption" ? atlas.own[index - atlas.n].name : "yours";
  return atlas.columns[column].words[atlas.columns[column].index[index]];
}
const caption = (index) => value("caption", index);

// A small picture of the atlas, to be pressed.
function thumb(index, note = "", press = () => choose(index)) {
  const button = make("button", { className: "thumb" }), canvas = make("canvas");
  button.type = "button";
  button.title = caption(index);
  button.setAttribute("aria-label", `${caption(index)} ${note}`);
  Object.assign(canvas, { width: atlas.side, height: atlas.side });
  drawThumb(canvas, index);
  button.append(canvas, make("span", {}, note));
  button.addEventListener("click", press);
  return button;
}

function drawThumb(canvas, index) {
  const { side, sheet } = atlas, columns = sheet.width / side;
  const [x, y] = [(index % columns) * side, Math.floor(index / columns) * side];
  canvas.getContext("2d").drawImage(sheet, x, y, side, side, 0, 0, canvas.width, canvas.height);
}

async function openMap() {
  const [told, sheet] = await Promise.all([ask("describe"), ask("sheet")]);
  if (!told || !sheet) return;
  Object.assign(atlas, told);
  if (!told.drawings.includes(parts.drawing.value)) parts.drawing.value = told.drawings[0];
  await openSheet(sheet);
  for (const name of ["category", "style", "source"]) {
    const known = atlas.columns[name].words.length > 1;
    parts.colour.querySelector(`[value=${name}]`).disabled = !known;
    if (!known && parts.colour.value === name) parts.colour.selectedIndex += 1;
  }
  await drawSpace();
  choose(atlas.example[0]);
  openPanels();
  const { error } = await call("fresh");
  offerMap(error);
}

// The small pictures on one canvas, with room for one's own below.
async function openSheet(sheet) {
  const { about, n } = atlas, rows = Math.ceil(n / about.columns);
  const whole = await createImageBitmap(blob(sheet, "image/webp"));
  const side = whole.width * whole.height > 14e6 ? (3 * about.size) / 4 : about.size;
  const canvas = make("canvas"), more = Math.ceil(MAX_OWN / about.columns) + 1;
  Object.assign(canvas, { width: about.columns * side, height: (rows + more) * side });
  canvas.getContext("2d").drawImage(whole, 0, 0, canvas.width, rows * side);
  whole.close();
  Object.assign(atlas, { sheet: canvas, side });
}

const drawings = new Map(); // space and drawing -> coordinates

async function drawSpace() {
  const space = parts.space.value, drawing = parts.drawing.value, key = `${space} ${drawing}`;
  if (!drawings.has(key)) {
    const data = await ask("points", { space, drawing });
    if (!data) return;
    drawings.set(key, floats(data));
  }
  if (key !== `${parts.space.value} ${parts.drawing.value}`) return; // another was chosen meanwhile
  scatter.mark(null);
  drawPoints();
  drawFaith();
  drawPaths();
}

// All points, one's own among them, in their colours.
function drawPoints() {
  const space = parts.space.value, drawing = parts.drawing.value, dim = Number(drawing.at(-1));
  const known = drawings.get(`${space} ${drawing}`), n = atlas.n + atlas.own.length;
  if (!known) return;
  const coords = new Float32Array(n * dim);
  coords.set(known);
  atlas.own.forEach((own, k) => coords.set(own.places[space][drawing], (atlas.n + k) * dim));
  const { index } = atlas.columns[parts.colour.value], palette = choosePalette();
  const { sheet, side, chosen } = atlas, quiet = hasPaths(); // so that paths stand out
  const colour = (i) => (i >= atlas.n ? OWN : quiet ? SCATTER_OTHER : palette[index[i]]);
  scatter.setPoints(coords, {
    dim,
    frame: [...known, ...pathsNow().flatMap(({ coords }) => [...coords])], // all of a path is seen
    colours: Array.from({ length: n }, (_, i) => colour(i)),
    sizes: Array.from({ length: n }, (_, i) => (i >= atlas.n ? 2 : quiet ? 0.6 : 1)),
    labels: caption,
    thumbnails: { image: sheet, columns: sheet.width / side, side },
  });
  scatter.select(chosen);
  light();
}

// A colour for each value of the column.
function choosePalette() {
  const { words, index } = atlas.columns[parts.colour.value];
  const { palette, counts } = scatterPalette(words, index);
  drawKey(words, counts, palette);
  return palette;
}

function drawKey(words, counts, palette) {
  const named = words.map((_, i) => i).filter((i) => palette[i] !== SCATTER_OTHER);
  const chips = named.map((i) => {
    const chip = make("button", { className: "chip" }), dot = make("span", { className: "dot" });
    Object.assign(chip, { type: "button", title: `${counts[i]} pictures` });
    chip.setAttribute("aria-pressed", atlas.group === i);
    dot.style.background = palette[i];
    chip.append(dot, words[i].replaceAll("-", " ") || "none");
    chip.addEventListener("click", () => {
      atlas.group = atlas.group === i ? null : i;
      choosePalette();
      light();
    });
    return chip;
  });
  if (named.length < words.length) chips.push(make("span", {}, "grey: others"));
  refill(parts.key, ...chips);
}

// What the search and the chosen group leave is bright.
function light() {
  const wanted = parts.search.value.toLowerCase().split(/\s+/).filter(Boolean), found = [];
  const column = atlas.columns[parts.colour.value];
  if (!wanted.length && atlas.group === null) {
    scatter.highlight(null);
    parts.hits.textContent = `${(atlas.n + atlas.own.length).toLocaleString("en")} pictures`;
    return;
  }
  for (let i = 0; i < atlas.n + atlas.own.length; i++) {
    const words = caption(i).toLowerCase().split(/[^\p{L}\p{N}]+/u);
    if (atlas.group !== null && (i >= atlas.n || column.index[i] !== atlas.group)) continue;
    if (wanted.every((start) => words.some((word) => word.startsWith(start)))) found.push(i);
  }
  scatter.highlight(found);
  parts.hits.textContent = found.length
    ? `${found.length.toLocaleString("en")} of ${atlas.n.toLocaleString("en")}` : "none has these words";
}

function drawFaith() {
  const space = parts.space.value, drawing = parts.drawing.value;
  const { explained, trustworthiness, continuity } = atlas.about.spaces[space].faithful[drawing];
  const shows = explained === undefined ? "" : `shows ${Math.round(100 * explained)} % of the variance · `;
  parts.faith.textContent =
    `How faithful this drawing is: ${shows}trustworthiness ${round(trustworthiness)} · ` +
    `continuity ${round(continuity)}, for ten neighbours; 1 is perfect`;
}

const hasPaths = () => Boolean(atlas.paths) && atlas.paths.space === parts.space.value;

const pathsNow = () => (hasPaths() ? atlas.paths.draw(parts.drawing.value) : []);

function drawPaths() {
  const dashed = parts.drawing.value.startsWith("umap");
  scatter.setPaths(pathsNow().map((path) => ({ dashed, ...path })));
  parts.clear.hidden = !hasPaths();
}

// Shows what lies over the points of a space, and goes to that space.
function showPaths(space, draw, onpath = () => {}) {
  const there = hasPaths() && atlas.paths.space === space;
  atlas.paths = { space, draw, onpath };
  if (there) {
    drawPoints();
    return drawPaths();
  }
  parts.space.value = space;
  drawSpace();
}

function choose(index) {
  atlas.chosen = index;
  scatter.select(index);
  scatter.mark(null);
  for (const listener of listeners) listener(index);
}

scatter.onpick = choose;
scatter.onpath = (...given) => atlas.paths && atlas.paths.onpath(...given);
for (const name of ["space", "drawing"]) parts[name].addEventListener("change", drawSpace);
parts.colour.addEventListener("change", () => {
  atlas.group = null;
  drawPoints();
});
parts.clear.addEventListener("click", () => {
  atlas.paths = null;
  drawSpace();
});
parts.search.addEventListener("input", light);
parts.search.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && scatter.lit && scatter.lit.includes(1)) choose(scatter.lit.indexOf(1));
});
