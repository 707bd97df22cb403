// Numbers as colours: maps of latents and of noise, a byte a value.

// Blue, white, orange: 0 ... 255 stands for -3 ... 3. A pixel is 0xAABBGGRR.
const COLOURS = Uint32Array.from({ length: 256 }, (_, level) => {
  const x = level / 127.5 - 1;
  const end = x < 0 ? [33, 90, 172] : [217, 95, 2];
  const [r, g, b] = end.map((c) => Math.round(248 + (c - 248) * Math.abs(x) ** 0.8));
  return 0xff000000 | (b << 16) | (g << 8) | r;
});

const PATH_COLOURS = { x_t: "#0284c7", x0_hat: "#ea580c" }; // of a run on the map

// Draws C*h*w levels, the channels side by side.
function drawMap(canvas, levels, [C, h, w]) {
  const rows = C > 4 ? 2 : 1;
  const columns = Math.ceil(C / rows);
  const width = columns * (w + 1) - 1, height = rows * (h + 1) - 1; // a cell between channels
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < levels.length; i++) {
    const c = Math.floor(i / (h * w)), y = Math.floor(i / w) % h, x = i % w;
    const row = Math.floor(c / columns) * (h + 1) + y, column = (c % columns) * (w + 1) + x;
    pixels[row * width + column] = COLOURS[levels[i]];
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// The channel, row and column that a pointer is on, of a map that was drawn so; null: beside it.
function cellAt(event, canvas, [C, h, w]) {
  const box = canvas.getBoundingClientRect();
  const scale = Math.min(box.width / canvas.width, box.height / canvas.height);
  const across = Math.floor((event.clientX - box.left - (box.width - canvas.width * scale) / 2) / scale);
  const down = Math.floor((event.clientY - box.top - (box.height - canvas.height * scale) / 2) / scale);
  const columns = Math.ceil(C / (C > 4 ? 2 : 1));
  const c = Math.floor(down / (h + 1)) * columns + Math.floor(across / (w + 1));
  const y = down % (h + 1), x = across % (w + 1);
  const inside = across >= 0 && down >= 0 && across < canvas.width && c < C && x < w && y < h;
  return inside ? [c, y, x] : null;
}

// Draws all colours in their order.
function drawLegend(canvas) {
  Object.assign(canvas, { width: 256, height: 1 });
  const image = new ImageData(256, 1);
  new Uint32Array(image.data.buffer).set(COLOURS);
  canvas.getContext("2d").putImageData(image, 0, 0);
}
