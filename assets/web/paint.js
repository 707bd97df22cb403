// Painting on the latent of the step that is shown: cells get the number of the brush.

const paint = { run: null, index: -1, cells: new Map() }; // "channel,row,column" -> number

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

// The cell under a pointer, or null: between two channels, or beside them.
function cellAt(event) {
  const canvas = parts.latent, [C, h, w] = state.run.latent_shape;
  const box = canvas.getBoundingClientRect();
  const scale = Math.min(box.width / canvas.width, box.height / canvas.height);
  const across = Math.floor((event.clientX - box.left - (box.width - canvas.width * scale) / 2) / scale);
  const down = Math.floor((event.clientY - box.top - (box.height - canvas.height * scale) / 2) / scale);
  const columns = Math.ceil(C / (C > 4 ? 2 : 1));
  const column = Math.floor(across / (w + 1)), row = Math.floor(down / (h + 1));
  const [x, y, c] = [across % (w + 1), down % (h + 1), row * columns + column];
  const inside = across >= 0 && down >= 0 && column < columns && c < C && x < w && y < h;
  return inside ? `${c},${y},${x}` : null;
}

for (const type of ["pointerdown", "pointermove"]) {
  parts.latent.addEventListener(type, (event) => {
    if (!parts.brush.value || !(event.buttons & 1) || !state.frames[state.index]) return;
    event.preventDefault();
    pause();
    if (!isPainted()) Object.assign(paint, { run: state.run.run, index: state.index, cells: new Map() });
    const cell = cellAt(event);
    if (cell) paint.cells.set(cell, Number(parts.brush.value));
    draw();
  });
}
parts.brush.addEventListener("change", () => {
  element.classList.toggle("painting", Boolean(parts.brush.value));
  if (parts.brush.value === "") paint.cells.clear();
  draw();
});
