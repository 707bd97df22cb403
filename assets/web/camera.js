// Where a place in the data stands on a canvas: a projection of its own, for a plane and for space.

class Camera {
  constructor() {
    Object.assign(this, { dim: 2, width: 1, height: 1, centre: [0, 0, 0], reach: [1, 1, 1] });
    this.reset();
  }

  // Looks at the whole, in space from a little above.
  reset() {
    Object.assign(this, { yaw: 0.6, pitch: 0.3, zoom: 1, left: 0, up: 0 });
  }

  // The frame that holds these coordinates: its centre, and how far they reach from there.
  frame(coords, dim) {
    const low = Array(3).fill(Infinity), high = Array(3).fill(-Infinity);
    for (let i = 0; i < coords.length; i++) {
      const axis = i % dim, value = coords[i];
      if (value < low[axis]) low[axis] = value;
      if (value > high[axis]) high[axis] = value;
    }
    const known = (axis) => axis < dim && coords.length;
    const centre = low.map((value, axis) => (known(axis) ? (value + high[axis]) / 2 : 0));
    const reach = low.map((value, axis) => (known(axis) ? (high[axis] - value) / 2 || 1 : 1));
    return { centre, reach };
  }

  // Pixels for a unit of the data, at the depth of the centre.
  get scale() {
    const [a, b, c] = this.reach, { width, height, zoom } = this;
    if (this.dim === 2) return 0.46 * zoom * Math.min(width / a, height / b);
    return (0.46 * zoom * Math.min(width, height)) / Math.hypot(a, b, c) * 1.15;
  }

  // How far away the eye is, in units of the data; a plane is looked at from infinity.
  get eye() {
    return this.dim === 2 ? Infinity : 4 * Math.hypot(...this.reach);
  }

  // Writes x, y in pixels and the depth (towards the eye) of n places into out.
  project(coords, n, out) {
    const { dim, centre: [a, b, c], eye, scale } = this;
    const middle = this.width / 2 + this.left, level = this.height / 2 + this.up;
    const [cy, sy, cp, sp] =
      [Math.cos(this.yaw), Math.sin(this.yaw), Math.cos(this.pitch), Math.sin(this.pitch)];
    for (let i = 0; i < n; i++) {
      let x = coords[dim * i] - a, y = coords[dim * i + 1] - b, depth = 0, near = scale;
      if (dim === 3) {
        const z = coords[3 * i + 2] - c, back = cy * z - sy * x;
        x = cy * x + sy * z;
        depth = sp * y + cp * back;
        y = cp * y - sp * back;
        near = (scale * eye) / (eye - depth);
      }
      out[3 * i] = middle + near * x;
      out[3 * i + 1] = level - near * y;
      out[3 * i + 2] = depth;
    }
    return out;
  }

  // The place in the data that stands at x, y on the canvas, at this depth.
  unproject(left, top, depth = 0) {
    const { dim, centre: [a, b, c], eye, scale } = this;
    const near = dim === 2 ? scale : (scale * eye) / (eye - depth);
    const x = (left - this.width / 2 - this.left) / near;
    const y = (this.height / 2 + this.up - top) / near;
    if (dim === 2) return [a + x, b + y];
    const [cy, sy, cp, sp] =
      [Math.cos(this.yaw), Math.sin(this.yaw), Math.cos(this.pitch), Math.sin(this.pitch)];
    const back = cp * depth - sp * y;
    return [a + cy * x - sy * back, b + cp * y + sp * depth, c + sy * x + cy * back];
  }

  turn(yaw, pitch) {
    this.yaw += yaw;
    this.pitch = Math.max(-1.5, Math.min(1.5, this.pitch + pitch));
  }

  pan(x, y) {
    this.left += x;
    this.up += y;
  }

  // Comes nearer by a factor; what stands at x, y stays there. Whether there was anything to do.
  zoomAt(x, y, factor) {
    const zoom = Math.max(0.5, Math.min(200, this.zoom * factor)), by = zoom / this.zoom;
    this.left = (x - this.width / 2) * (1 - by) + this.left * by;
    this.up = (y - this.height / 2) * (1 - by) + this.up * by;
    this.zoom = zoom;
    return by !== 1;
  }
}
