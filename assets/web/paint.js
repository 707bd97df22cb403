// Painting on the latent of the step that is shown: cells get the number of the brush.

// cells: "channel,row,column" -> number; at: the cell that the arrow keys have reached
const paint = { run: null, index: -1, cells: new Map(), at: [0, 0, 0] };

const isPainted = () => state.run && paint.run === state.run.run && paint.index === state.index;

// The painted cells of this step, as [channel, row, column, number].
function painted() {
  if (!isPainted()) return [];
  return [...paint.cells].map(([key, value]) => [...key.split(",").map(Number), value]);
}

// The levels of the latent with the painted cells in them.
function withPaint(levels) {
  if (!isPainted() || !paint.cells.size) return levels;
  const [, h, w] = state.run.latent_shape, copy = levels.slice();
  for (const [c, y, x, value] of painted()) {
    copy[(c * h + y) * w + x] = Math.round((value / state.run.map_limit + 1) * 127.5);
  }
  return copy;
}

function paintCell(cell) {
  if (!cell || !state.frames[state.index]) return;
  pause();
  state.following = false; // steps that arrive would take the painted one away
  if (!isPainted()) Object.assign(paint, { run: state.run.run, index: state.index, cells: new Map() });
  paint.cells.set(cell.join(), Number(parts.brush.value));
  draw();
}

// Marks the cell that the arrow keys have reached.
function drawCursor() {
  if (document.activeElement !== parts.latent || !parts.brush.value) return;
  const [C, h, w] = state.run.latent_shape, [c, y, x] = paint.at, columns = Math.ceil(C / (C > 4 ? 2 : 1));
  const context = parts.latent.getContext("2d");
  context.fillStyle = "#0f172a";
  context.fillRect((c % columns) * (w + 1) + x, Math.floor(c / columns) * (h + 1) + y, 1, 1);
}

// Moves over the rows and columns of all channels, which lie side by side.
const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function moveCursor([down, right]) {
  const [C, h, w] = state.run.latent_shape, columns = Math.ceil(C / (C > 4 ? 2 : 1));
  const [c, y, x] = paint.at, inside = (place, size) => Math.max(0, Math.min(place, size - 1));
  const row = inside(Math.floor(c / columns) * h + y + down, Math.ceil(C / columns) * h);
  const column = inside((c % columns) * w + x + right, columns * w);
  const channel = Math.floor(row / h) * columns + Math.floor(column / w);
  if (channel < C) paint.at = [channel, row % h, column % w];
  draw();
  const words = ["channel", "row", "column"].map((name, i) => `${name} ${paint.at[i] + 1}`);
  say(`${words.join(", ")}: space paints it`);
}

for (const type of ["pointerdown", "pointermove"]) {
  parts.latent.addEventListener(type, (event) => {
    if (!parts.brush.value || !(event.buttons & 1)) return;
    event.preventDefault();
    paintCell(cellAt(event, parts.latent, state.run.latent_shape));
  });
}
parts.latent.addEventListener("keydown", (event) => {
  if (!parts.brush.value || !state.run || !(MOVES[event.key] || event.key === " ")) return;
  event.preventDefault();
  if (event.key === " ") paintCell(paint.at);
  else moveCursor(MOVES[event.key]);
});
for (const type of ["focus", "blur"]) parts.latent.addEventListener(type, () => draw());
parts.brush.addEventListener("change", () => {
  element.classList.toggle("painting", Boolean(parts.brush.value));
  parts.latent.tabIndex = parts.brush.value ? 0 : -1;
  if (parts.brush.value === "") paint.cells.clear();
  draw();
});
