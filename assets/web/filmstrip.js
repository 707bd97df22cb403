// The filmstrip: as many steps as there is room for.

const THUMBNAIL = 44; // CSS pixels

function slots() {
  const steps = state.run ? state.run.noise_variances.length : 1;
  const n = Math.max(1, Math.min(steps, Math.floor(parts.strip.clientWidth / THUMBNAIL)));
  const stepOf = (slot) => (n === 1 ? 0 : Math.round((slot * (steps - 1)) / (n - 1)));
  return { n, steps, stepOf, width: parts.strip.clientWidth / n };
}

function drawFilm() {
  const scale = window.devicePixelRatio || 1;
  parts.film.width = parts.strip.clientWidth * scale;
  parts.film.height = THUMBNAIL * scale;
  drawThumbnails();
  moveMarker();
}

function drawThumbnails() {
  if (!state.run) return;
  const { n, stepOf, width } = slots();
  const context = parts.film.getContext("2d");
  const scale = window.devicePixelRatio || 1;
  const side = Math.min(width, THUMBNAIL) - 2;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, parts.strip.clientWidth, THUMBNAIL);
  for (let slot = 0; slot < n; slot++) {
    const frame = state.frames[stepOf(slot)];
    if (frame) context.drawImage(frame.x_t, (slot + 0.5) * width - side / 2, 1, side, side);
  }
}

function moveMarker() {
  const { n, steps, width } = slots();
  const place = steps > 1 ? Math.round((state.index / (steps - 1)) * (n - 1)) : 0;
  parts.marker.style.transform = `translateX(${(place + 0.5) * width - THUMBNAIL / 2}px)`;
  parts.marker.hidden = !state.frames.length;
}

for (const type of ["pointerdown", "pointermove"]) {
  parts.strip.addEventListener(type, (event) => {
    if (!state.run || !(event.buttons & 1)) return;
    const { n, steps, width } = slots();
    const slot = (event.clientX - parts.strip.getBoundingClientRect().left) / width - 0.5;
    pause();
    seek(Math.round((slot / Math.max(1, n - 1)) * (steps - 1)));
  });
}
