// What a hand does with a Scatter: mouse, fingers, wheel, keys, and the hint under the pointer.

const REACH = 12; // pixels from a point that still count as on it
const TURN = 0.008; // radians a pixel

// What stands at x, y on the canvas: { point }, { path, dot }, or null.
Scatter.prototype.find = function (x, y, reach = REACH) {
  let best = null, least = reach;
  this.paths.forEach((path, place) => {
    for (let i = 0; path.dots && i < path.places.length / 3; i++) {
      const away = Math.hypot(path.places[3 * i] - x, path.places[3 * i + 1] - y);
      if (away < least) [least, best] = [away, { path: place, dot: i }];
    }
  });
  if (best) return best;
  const inside = this.side / 2;
  let front = -Infinity;
  least = Math.max(reach, inside);
  for (let i = 0; i < this.n; i++) {
    const dx = Math.abs(this.places[3 * i] - x), dy = Math.abs(this.places[3 * i + 1] - y);
    const depth = this.places[3 * i + 2], on = inside && Math.max(dx, dy) < inside;
    const away = on ? 0 : Math.hypot(dx, dy);
    if (away > least || (away === least && depth < front)) continue;
    [least, front, best] = [away, depth, { point: i }];
  }
  return best;
};

Scatter.prototype.hover = function (found) {
  const key = JSON.stringify(found);
  if (key === this.hoverKey) return;
  const path = this.found && "path" in this.found, point = found && "point" in found ? found.point : null;
  Object.assign(this, { hoverKey: key, found });
  this.canvas.style.cursor = found && !(this.still && "point" in found) ? "pointer" : "";
  if (point !== this.hovered) this.onhover((this.hovered = point));
  if (found && "path" in found) this.onpath(found.path, found.dot, "hover");
  else if (path) this.onpath(null, null, "hover");
  this.fillTip();
  this.redraw();
};

Scatter.prototype.pick = function (x, y, reach) {
  const found = this.find(x, y, reach);
  if (found && "path" in found) return this.onpath(found.path, found.dot, "pick");
  if (this.still) return;
  if (found) {
    this.select(found.point);
    return this.onpick(found.point);
  }
  const near = this.dim === 3 ? this.find(x, y, Infinity) : null;
  this.onempty(...this.camera.unproject(x, y, near ? this.places[3 * near.point + 2] : 0));
};

// The hint: picture and words of the point, or of the path's dot, that is hovered.
Scatter.prototype.fillTip = function () {
  const { found, tip, tipImage, tipText, thumbnails, labels } = this;
  const point = found && "point" in found ? found.point : null;
  const path = found && "path" in found ? this.paths[found.path] : {};
  const picture = (path.pictures || [])[found && found.dot];
  const words = !found ? "" : point === null
    ? (path.labels || [])[found.dot] || ""
    : typeof labels === "function" ? labels(point) : (labels || [])[point] || "";
  tipImage.hidden = !picture && (point === null || !thumbnails);
  tip.hidden = !words && tipImage.hidden;
  tipText.textContent = words;
  if (tipImage.hidden) return;
  if (picture) {
    Object.assign(tipImage, { width: picture.width, height: picture.height });
    return tipImage.getContext("2d").drawImage(picture, 0, 0);
  }
  tipImage.width = tipImage.height = thumbnails.side;
  this.drawThumbnail(tipImage.getContext("2d"), point, 0, 0, thumbnails.side);
  tipImage.style.imageRendering = thumbnails.side > 16 ? "" : "pixelated";
};

Scatter.prototype.placeTip = function () {
  const { found, tip, camera } = this;
  if (tip.hidden || !found) return;
  const gone = "path" in found ? !this.paths[found.path] : found.point >= this.n;
  if (gone) return void (tip.hidden = true);
  const [places, i] =
    "path" in found ? [this.paths[found.path].places, found.dot] : [this.places, found.point];
  const x = places[3 * i], y = places[3 * i + 1], above = y > tip.offsetHeight + 24;
  const left = Math.max(0, Math.min(camera.width - tip.offsetWidth, x - tip.offsetWidth / 2));
  const top = above ? y - tip.offsetHeight - this.side / 2 - 12 : y + this.side / 2 + 12;
  tip.style.transform = `translate(${left}px, ${top}px)`;
};

// From point to point, in their order; among those highlighted, if any.
Scatter.prototype.step = function (by) {
  const points = Array.from({ length: this.n }, (_, i) => i).filter((i) => !this.lit || this.lit[i]);
  if (!points.length) return;
  const now = points.indexOf(this.hovered), n = points.length;
  this.hover({ point: points[now < 0 ? (by > 0 ? 0 : n - 1) : (now + by + n) % n] });
};

function takePointer(scatter) {
  const { canvas, camera } = scatter, fingers = new Map();
  let travelled = 0;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const move = (dx, dy, pan) => {
    if (scatter.dim === 2 || pan) camera.pan(dx, dy);
    else camera.turn(-dx * TURN, dy * TURN);
    scatter.redraw();
  };
  const pinch = (event) => {
    const before = [...fingers.values()];
    fingers.set(event.pointerId, at(event));
    const after = [...fingers.values()];
    const apart = ([[a, b], [c, d]]) => Math.hypot(a - c, b - d) || 1;
    const middle = ([[a, b], [c, d]]) => [(a + c) / 2, (b + d) / 2];
    const [x, y] = middle(after), [left, top] = middle(before);
    camera.pan(x - left, y - top);
    camera.zoomAt(x, y, apart(after) / apart(before));
    scatter.redraw();
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    if (!fingers.size) travelled = 0;
    fingers.set(event.pointerId, at(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = at(event), last = fingers.get(event.pointerId);
    if (!last) return scatter.hover(scatter.find(x, y));
    travelled += Math.hypot(x - last[0], y - last[1]);
    if (scatter.still) return;
    if (fingers.size === 2) return pinch(event);
    fingers.set(event.pointerId, [x, y]);
    if (travelled > 4) move(x - last[0], y - last[1], event.shiftKey || event.buttons & 2);
  });
  canvas.addEventListener("pointerup", (event) => {
    const alone = fingers.size === 1 && fingers.delete(event.pointerId);
    if (alone && travelled <= 4 && event.button === 0) {
      scatter.pick(...at(event), event.pointerType === "touch" ? 2 * REACH : REACH);
      if (event.pointerType === "touch") scatter.hover(scatter.find(...at(event), 2 * REACH));
    }
  });
  for (const type of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(type, (event) => fingers.delete(event.pointerId));
  }
  canvas.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") scatter.hover(null);
  });
  canvas.addEventListener("blur", () => scatter.hover(null));
  if (scatter.still) return;
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("dblclick", () => (camera.reset(), scatter.redraw()));
  canvas.addEventListener("wheel", (event) => {
    // Where there is no nearer or farther, the page scrolls as usual.
    if (camera.zoomAt(...at(event), Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)))) {
      event.preventDefault();
    }
    scatter.redraw();
  }, { passive: false });
  const zoom = (by) => (camera.zoomAt(camera.width / 2, camera.height / 2, by), scatter.redraw());
  const arrow = (x, y) => (event) => move(24 * x, 24 * y, event.shiftKey);
  const keys = {
    ArrowLeft: arrow(-1, 0),
    ArrowRight: arrow(1, 0),
    ArrowUp: arrow(0, -1),
    ArrowDown: arrow(0, 1),
    "+": () => zoom(1.25),
    "=": () => zoom(1.25),
    "-": () => zoom(0.8),
    0: () => (camera.reset(), scatter.redraw()),
    PageDown: () => scatter.step(1),
    PageUp: () => scatter.step(-1),
    Enter: () => {
      if (scatter.hovered === null) return;
      scatter.select(scatter.hovered);
      scatter.onpick(scatter.hovered);
    },
    Escape: () => scatter.hover(null),
  };
  canvas.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key](event);
  });
}
