// The step that is shown: pictures, maps, the curve of the noise level, words.

// The parts that are on screen. While steps arrive only those are drawn: the cores have more to do.
const onScreen = new Set();
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) onScreen.add(target);
    else onScreen.delete(target);
  }
  if (entries.some(({ isIntersecting }) => isIntersecting)) draw();
});
const WATCHED = ["x_t", "x0_hat", ...MAPS, "curve", "compare", "paths", "attention", "unet"];
for (const name of WATCHED) watcher.observe(parts[name]);

let soon = 0;

// Draws what is on screen, once for all steps that arrive in one frame of the screen.
function drawSoon() {
  soon = soon || requestAnimationFrame(() => {
    soon = 0;
    drawThumbnails();
    draw((part) => onScreen.has(part));
  });
}

function draw(isWanted = () => true) {
  const frame = state.frames[state.index];
  if (!frame) return;
  for (const name of ["x_t", "x0_hat"]) {
    if (isWanted(parts[name])) parts[name].getContext("2d").drawImage(frame[name], 0, 0);
  }
  for (const name of MAPS.filter((name) => isWanted(parts[name]))) {
    parts[name].style.visibility = frame[name] ? "" : "hidden"; // a step without guidance has no halves
    if (!frame[name]) continue;
    const levels = name === "latent" ? withPaint(frame.latent) : frame[name];
    drawMap(parts[name], levels, state.run.latent_shape);
  }
  drawCursor();
  if (isWanted(parts.curve)) drawCurve(state.run.noise_variances, state.index);
  if (isWanted(parts.compare)) drawCompared();
  if (isWanted(parts.paths)) drawChart();
  if (isWanted(parts.attention)) drawWords(frame);
  if (isWanted(parts.unet)) drawBlocks(frame);
  const percent = Math.round(100 * frame.noise_variance);
  const steps = state.run.noise_variances.length;
  const text =
    `step ${state.index + 1} of ${steps} · t ${frame.t}` +
    ` · ${percent} % noise variance · SNR ${number(frame.snr)}`;
  parts.readout.textContent = text;
  parts.slider.value = state.index;
  parts.slider.style.setProperty("--done", `${(100 * state.index) / (steps - 1 || 1)}%`);
  parts.slider.setAttribute("aria-valuetext", text);
  parts.branch.textContent = `Branch from step ${state.index + 1}${painted().length ? ", as painted" : ""}`;
  parts.lesson.textContent = `Is this a run of ${count(state.index + 1)}?`;
  moveMarker();
  tell("step");
}

// The noise variance over the steps of the run; a line stands at the step that is shown.
function drawCurve(levels, index) {
  const { context, x, y, style } = axes(parts.curve, levels.length, "100 %", "0 %");
  context.lineWidth = 2;
  line(context, levels.map((level, i) => [x(i), y(level)]));
  context.fillStyle = context.strokeStyle = style.getPropertyValue("--guide");
  line(context, [[x(index), y(0)], [x(index), y(1)]]);
  dot(context, x(index), y(levels[index]));
}

// Draws the axes of a curve over n steps; x(step from 0) and y(0 ... 1) are places on the canvas.
function axes(canvas, n, high, low) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  Object.assign(canvas, { width: width * scale, height: height * scale });
  const context = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  const [left, right, top, bottom] = [38, width - 6, 8, height - 20];
  const x = (i) => left + ((right - left) * i) / (n - 1 || 1);
  const y = (level) => bottom + (top - bottom) * level;
  context.scale(scale, scale);
  context.font = `11px ${style.fontFamily}`;
  context.fillStyle = context.strokeStyle = style.color;
  context.globalAlpha = 0.35;
  line(context, [[left, top], [left, bottom], [right, bottom]]);
  context.globalAlpha = 1;
  write(context, high, left - 5, top + 4, "right");
  write(context, low, left - 5, bottom + 4, "right");
  write(context, "step 1", left, height - 5, "left");
  write(context, `step ${n}`, right, height - 5, "right");
  return { context, x, y, style };
}

function dot(context, x, y) {
  context.beginPath();
  context.arc(x, y, 4, 0, 2 * Math.PI);
  context.fill();
}

function line(context, points) {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.stroke();
}

function write(context, text, x, y, align) {
  context.textAlign = align;
  context.fillText(text, x, y);
}
