// Points in a plane or in space on a canvas, to turn, zoom and pick. camera.js comes before it and
// pointer.js after it: in Python, `ldm.ui.scatter.read_scatter()` gives all of them.
//
//   const scatter = new Scatter(container, { label: "Map of the pictures" });   // label: spoken
//       still: true   nothing turns, moves or zooms, and only dots of paths are picked
//   scatter.setPoints(coords, options)   coords: Float32Array, N x dim. As many points as before
//       move to their new places; options that are not given stay as they are:
//         dim         2 or 3 (3)
//         colours     N CSS colours (SCATTER_COLOURS has ten that suit light and dark)
//         labels      N words for the hint under the pointer, or a function (index) -> words
//         thumbnails  { image, columns, side, cells, most, hint }: a sheet of square pictures of side pixels;
//                     cells, if given: the place of each point's picture in the sheet. Shown in
//                     the hint, and instead of dots where they have room, at most
//                     `most` pixels wide (48), unless hint is true
//         sizes       N factors of the usual size
//         frame       coordinates to keep in view instead of the points' own
//         moving      milliseconds that the move takes (400)
//   scatter.setPaths([{ coords, colour, dashed, dots, current, labels, pictures }])   lines; dots:
//       true draws a dot a place, to be picked; current: the one that stands out; labels, pictures:
//       for the hint, of each dot
//   scatter.include(coords)      widens what is in view, if need be
//   scatter.highlight(indices)   the others fade; null: none do
//   scatter.select(index)        rings one, null: none. Asks nobody back
//   scatter.mark(place)          a cross at [x, y(, z)], null: none
//   scatter.axes = ["code 1", ...]   names on the edges of the box that is drawn in space
//   scatter.camera, scatter.redraw()    where it is looked at from, after a change of it
//   Called back: onhover(index or null), onpick(index), onempty(x, y(, z)) where a click meets no
//   point (in space at the depth of the point nearest on the canvas), onpath(path, dot, "hover" or
//   "pick") with the places of the path and of its dot in what was given; null when it is left.
//   Keys: arrows turn or pan (with shift: pan), + and - zoom, 0 shows all, page up and down go
//   from point to point (of those highlighted, if any), enter picks.

const SCATTER_COLOURS = [
  "#3b82f6", "#f97316", "#16a34a", "#db2777", "#8b5cf6",
  "#ca8a04", "#0891b2", "#dc2626", "#64748b", "#84cc16",
];
const SCATTER_OTHER = "#94a3b8"; // of what has no colour of its own
const LEVELS = 32; // of depth, drawn from the back to the front
const CORNERS = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => [i & 1, (i >> 1) & 1, i >> 2]);
const EDGES = CORNERS.flatMap((_, i) => [1, 2, 4].filter((bit) => !(i & bit)).map((bit) => [i, i | bit]));

// A colour for each word, of which `index` names one a point: the ten commonest have their own.
function scatterPalette(words, index) {
  const counts = words.map(() => 0), palette = words.map(() => SCATTER_OTHER);
  for (const i of index) counts[i]++;
  const order = words.map((_, i) => i).sort((a, b) => counts[b] - counts[a]);
  order.slice(0, SCATTER_COLOURS.length).forEach((i, rank) => (palette[i] = SCATTER_COLOURS[rank]));
  return { palette, counts };
}

class Scatter {
  constructor(container, { label = "Points", still = false } = {}) {
    const create = (tag, parent, className) =>
      parent.appendChild(Object.assign(document.createElement(tag), { className }));
    this.container = container;
    container.classList.add("scatter");
    container.classList.toggle("still", still);
    this.canvas = create("canvas", container, "");
    this.tip = create("div", container, "tip");
    this.tipImage = create("canvas", this.tip, "");
    this.tipText = create("span", this.tip, "");
    Object.assign(this.tip, { hidden: true, role: "status" });
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    const keys = still ? "" : ": arrows move, + and - zoom, page down steps";
    this.canvas.setAttribute("aria-label", label + keys);
    this.camera = new Camera();
    Object.assign(this, { n: 0, dim: 3, axes: [], paths: [], marked: null, lit: null, still });
    Object.assign(this, { version: 0, drawn: "", layers: [] });
    Object.assign(this, { hovered: null, selected: null, wanted: 0 });
    Object.assign(this, { known: new Map(), stamps: new Map(), image: null });
    this.target = this.shown = this.places = new Float32Array(0);
    this.colours = this.labels = this.thumbnails = this.sizes = null;
    this.onhover = this.onpick = this.onempty = this.onpath = () => {};
    new ResizeObserver(() => this.resize()).observe(container);
    new MutationObserver(() => this.redraw()).observe(document.body, { attributeFilter: ["class"] });
    takePointer(this);
  }

  setPoints(coords, { dim = this.dim, frame, moving = 400, ...rest } = {}) {
    const n = coords.length / dim, still = matchMedia("(prefers-reduced-motion)").matches;
    const moves = n === this.n && dim === this.dim && n > 0 && moving > 0 && !still;
    if (n !== this.n) Object.assign(this, { hovered: null, selected: null, lit: null });
    for (const name of ["colours", "labels", "thumbnails", "sizes"]) {
      if (name in rest) this[name] = rest[name];
      else if (n !== this.n) this[name] = null;
    }
    if (dim !== this.dim) this.marked = null;
    Object.assign(this, { n, dim, target: Float32Array.from(coords) });
    if (n * 3 !== this.places.length) this.places = new Float32Array(3 * n);
    const view = this.camera.frame(frame || coords, dim);
    const { centre, reach } = this.camera;
    this.move = { view, centre, reach, from: this.shown, began: performance.now(), moving };
    this.version++;
    this.camera.dim = dim;
    if (!moves) this.arrive(1);
    this.redraw();
  }

  setPaths(paths) {
    this.paths = paths.map((path) => ({ places: new Float32Array(0), ...path }));
    this.redraw();
  }

  highlight(indices) {
    this.lit = indices && Uint8Array.from({ length: this.n }, () => 0);
    for (const index of indices || []) this.lit[index] = 1;
    this.version++;
    this.redraw();
  }

  include(coords) {
    const { camera, dim } = this, { centre, reach } = camera;
    const corners = [-1, 1].flatMap((end) => centre.map((c, axis) => c + end * reach[axis]).slice(0, dim));
    Object.assign(camera, camera.frame([...corners, ...coords], dim));
    this.redraw();
  }

  select(index) {
    this.selected = index;
    this.redraw();
  }

  mark(place) {
    this.marked = place;
    this.redraw();
  }

  redraw() {
    if (!this.wanted) this.wanted = requestAnimationFrame(() => this.draw());
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    const scale = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
    Object.assign(this.camera, { width, height });
    this.redraw();
  }

  // Moves the points and the frame their way, done from 0 to 1.
  arrive(done) {
    const { view, centre, reach, from } = this.move, { target } = this;
    this.version++;
    if (done >= 1) {
      this.shown = target;
      this.move = null;
      Object.assign(this.camera, view);
      return;
    }
    const mix = (a, b) => a + (b - a) * done;
    this.shown = target.map((value, i) => mix(from[i], value));
    this.camera.centre = centre.map((value, i) => mix(value, view.centre[i]));
    this.camera.reach = reach.map((value, i) => mix(value, view.reach[i]));
  }

  draw() {
    cancelAnimationFrame(this.wanted);
    this.wanted = 0;
    if (this.camera.width === 1) return; // its size is not known yet
    if (this.move) {
      const done = Math.min(1, (performance.now() - this.move.began) / this.move.moving);
      this.arrive(done * done * (3 - 2 * done));
      if (this.move) this.redraw();
    }
    const context = this.canvas.getContext("2d"), { camera } = this;
    const scale = this.canvas.width / camera.width || 1;
    this.scale = scale;
    this.style = getComputedStyle(this.canvas);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, camera.width, camera.height);
    context.font = `12px ${this.style.fontFamily}`;
    this.drawPoints(context);
    for (const path of this.paths) this.drawPath(context, path);
    for (const path of this.paths) this.drawDot(context, path, path.current, 6);
    this.ring(context, this.hovered, 1);
    this.ring(context, this.selected, 2.5);
    if (this.marked) this.drawMark(context);
    this.placeTip();
  }

  // What the look of the points depends on: as long as it is the same, their dots are kept.
  look() {
    const { camera: c, canvas, version, style } = this;
    const where = [c.yaw, c.pitch, c.zoom, c.left, c.up, ...c.centre, ...c.reach];
    return [canvas.width, canvas.height, version, style.backgroundColor, ...where].join();
  }

  // The points from the back to the front, as dots or, where there is room, as their pictures.
  drawPoints(context) {
    const look = this.look(), { camera, lit } = this;
    if (look !== this.drawn) {
      camera.project(this.shown, this.n, this.places);
      this.layers = this.arrange();
      if (!this.side) this.mixDots(context, this.layers);
      this.drawn = look;
    }
    if (!this.side) context.putImageData(this.image, 0, 0);
    if (this.dim === 3 && this.axes.length) this.drawBox(context);
    for (const [layer, alpha] of this.side ? this.layers : []) {
      context.globalAlpha = lit ? alpha : 1;
      for (const i of layer) this.drawPicture(context, i);
    }
    context.globalAlpha = 1;
  }

  // The points by their depth, each layer with its opacity; and the size that they are drawn at.
  arrange() {
    const { n, places, lit, thumbnails, camera } = this, { width, height } = camera;
    const reach = this.dim === 3 ? Math.hypot(...camera.reach) : 1;
    const layers = Array.from({ length: this.dim === 3 ? LEVELS : 1 }, () => []), front = [];
    let seen = 0;
    for (let i = 0; i < n; i++) {
      const x = places[3 * i], y = places[3 * i + 1];
      if (!(x > -40 && y > -40 && x < width + 40 && y < height + 40)) continue;
      seen++;
      const level = Math.floor(((places[3 * i + 2] / reach + 1) / 2) * layers.length);
      if (lit && lit[i]) front.push(i);
      else layers[Math.max(0, Math.min(layers.length - 1, level))].push(i);
    }
    this.side = thumbnails ? Math.min(thumbnails.most || 48, 0.8 * Math.sqrt((width * height) / (seen || 1))) : 0;
    if (this.side < 16 || !thumbnails.image || thumbnails.hint) this.side = 0;
    const radius = Math.max(2, Math.min(6, 0.16 * Math.sqrt((width * height) / (n || 1))));
    this.radius = radius * Math.min(2.5, Math.max(1, camera.zoom) ** 0.35);
    const opacity = (level) => (lit ? 0.15 : this.dim === 3 ? 0.4 + (0.6 * (level + 1)) / LEVELS : 0.85);
    return [...layers.map((layer, level) => [layer, opacity(level)]), [front, 1]];
  }

  drawPicture(context, i) {
    const side = this.side * this.near(i), edge = side + 4;
    const x = this.places[3 * i], y = this.places[3 * i + 1];
    context.fillStyle = this.colours ? this.colours[i] : SCATTER_COLOURS[0];
    context.fillRect(x - edge / 2, y - edge / 2, edge, edge);
    this.drawThumbnail(context, i, x - side / 2, y - side / 2, side);
  }

  // Dots, mixed pixel by pixel: with thousands of them a canvas's own drawing is too slow.
  mixDots(context, layers) {
    const { width, height } = this.canvas, { places, scale, colours, sizes } = this;
    if (!this.image || this.image.width !== width || this.image.height !== height) {
      this.image = context.createImageData(width, height);
    }
    const pixels = new Uint32Array(this.image.data.buffer);
    const back = this.rgb(context, this.style.backgroundColor);
    pixels.fill(0xff000000 | (back[2] << 16) | (back[1] << 8) | back[0]);
    for (const [layer, alpha] of layers) {
      for (const i of layer) {
        const colour = this.rgb(context, colours ? colours[i] : SCATTER_COLOURS[0]);
        const radius = scale * this.radius * this.near(i) * (sizes ? sizes[i] : 1);
        const x = Math.round(4 * scale * places[3 * i]), y = Math.round(4 * scale * places[3 * i + 1]);
        const stamp = this.stamp(Math.round(2 * radius), x & 3, y & 3);
        for (let k = 0; k < stamp.length; k += 3) {
          const left = (x >> 2) + stamp[k], top = (y >> 2) + stamp[k + 1];
          if (left < 0 || top < 0 || left >= width || top >= height) continue;
          const at = top * width + left, under = pixels[at], part = alpha * stamp[k + 2];
          const mix = (shift, to) => {
            const from = (under >> shift) & 255;
            return ((from + ((to - from) * part) / 255) & 255) << shift;
          };
          pixels[at] = 0xff000000 | mix(0, colour[0]) | mix(8, colour[1]) | mix(16, colour[2]);
        }
      }
    }
  }

  // Red, green and blue of a CSS colour, 0 to 255.
  rgb(context, colour) {
    if (!this.known.has(colour)) {
      context.fillStyle = colour;
      const code = parseInt(context.fillStyle.slice(1), 16);
      this.known.set(colour, [code >> 16, (code >> 8) & 255, code & 255]);
    }
    return this.known.get(colour);
  }

  // A disc as x, y, cover (0 to 255) of its pixels; its centre is so many quarters off a pixel's.
  stamp(diameter, right, down) {
    const key = (diameter << 4) | (right << 2) | down;
    if (this.stamps.has(key)) return this.stamps.get(key);
    const stamp = [], radius = Math.max(1, diameter / 2), end = Math.ceil(radius + 1);
    for (let y = -end; y <= end; y++) {
      for (let x = -end; x <= end; x++) {
        const away = Math.hypot(x + 0.5 - right / 4, y + 0.5 - down / 4);
        const cover = Math.max(0, Math.min(1, radius + 0.5 - away));
        if (cover) stamp.push(x, y, Math.round(255 * cover));
      }
    }
    this.stamps.set(key, Int16Array.from(stamp));
    return this.stamps.get(key);
  }

  // How much larger than at the centre things are at the depth of a point.
  near(i) {
    return this.dim === 3 ? this.camera.eye / (this.camera.eye - this.places[3 * i + 2]) : 1;
  }

  drawThumbnail(context, i, x, y, size) {
    const { image, columns, side, cells } = this.thumbnails, cell = cells ? cells[i] : i;
    context.imageSmoothingEnabled = side > 16;
    const [left, top] = [(cell % columns) * side, Math.floor(cell / columns) * side];
    context.drawImage(image, left, top, side, side, x, y, size, size);
  }

  drawPath(context, path) {
    const n = path.coords.length / this.dim;
    if (path.places.length !== 3 * n) path.places = new Float32Array(3 * n);
    const places = this.camera.project(path.coords, n, path.places);
    context.strokeStyle = path.colour || this.style.color;
    context.lineWidth = 2;
    context.setLineDash(path.dashed ? [5, 5] : []);
    context.beginPath();
    for (let i = 0; i < n; i++) context.lineTo(places[3 * i], places[3 * i + 1]);
    context.stroke();
    context.setLineDash([]);
    for (let i = 0; path.dots && i < n; i++) this.drawDot(context, path, i, 4);
  }

  // A place of a path; those that are larger have an edge.
  drawDot(context, { places, colour }, i, radius) {
    if (!(i >= 0 && 3 * i < places.length)) return;
    context.beginPath();
    context.arc(places[3 * i], places[3 * i + 1], radius, 0, 2 * Math.PI);
    Object.assign(context, { fillStyle: colour || this.style.color, strokeStyle: this.style.color });
    context.fill();
    context.lineWidth = 2;
    if (radius > 4) context.stroke();
  }

  ring(context, i, width) {
    if (i === null || i >= this.n) return;
    const x = this.places[3 * i], y = this.places[3 * i + 1];
    const reach = (this.side ? this.side / 2 + 3 : this.radius + 2) * this.near(i) + width / 2;
    context.strokeStyle = this.style.color;
    context.lineWidth = width;
    context.beginPath();
    if (this.side) context.rect(x - reach, y - reach, 2 * reach, 2 * reach);
    else context.arc(x, y, reach, 0, 2 * Math.PI);
    context.stroke();
  }

  drawMark(context) {
    const [x, y] = this.camera.project(this.marked, 1, [0, 0, 0]);
    for (const [colour, width] of [[this.style.backgroundColor, 6], [this.style.color, 2.5]]) {
      Object.assign(context, { strokeStyle: colour, lineWidth: width });
      context.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + 3 * dx, y + 3 * dy);
        context.lineTo(x + 11 * dx, y + 11 * dy);
      }
      context.stroke();
    }
  }

  // The box that the frame fills; three of its edges have names.
  drawBox(context) {
    const { centre, reach } = this.camera;
    const coords = CORNERS.flatMap((c) => c.map((end, axis) => centre[axis] + (2 * end - 1) * reach[axis]));
    const places = this.camera.project(coords, 8, []);
    const at = (i) => [places[3 * i], places[3 * i + 1]];
    Object.assign(context, { strokeStyle: this.style.color, fillStyle: this.style.color, lineWidth: 1 });
    for (const [a, b] of EDGES) {
      context.globalAlpha = 0.18;
      context.beginPath();
      context.moveTo(...at(a));
      context.lineTo(...at(b));
      context.stroke();
    }
    context.globalAlpha = 0.75;
    context.textAlign = "center";
    this.axes.forEach((name, axis) => {
      const [x, y] = at(1 << axis);
      context.fillText(name, Math.max(24, Math.min(this.camera.width - 24, x)), y + (axis === 1 ? -6 : 16));
    });
    context.globalAlpha = 1;
  }
}
