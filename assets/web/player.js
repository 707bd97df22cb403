// Moving through the steps: slider, play, keys.

function seek(index) {
  state.following = false;
  state.index = Math.max(0, Math.min(index, state.frames.length - 1));
  draw();
}

function pause() {
  clearTimeout(state.timer);
  state.timer = null;
  parts.play.classList.remove("playing");
  parts.play.setAttribute("aria-label", "Play");
}

function play() {
  if (state.timer) return pause();
  if (state.frames.length < 2) return;
  if (state.index >= state.frames.length - 1) seek(0);
  parts.play.classList.add("playing");
  parts.play.setAttribute("aria-label", "Pause");
  tick();
}

// Waits as long as the chosen speed says now, so that it can be changed while playing.
function tick() {
  state.timer = setTimeout(() => {
    seek(state.index + 1);
    if (state.index >= state.frames.length - 1) return pause();
    tick();
  }, 1000 / Number(parts.speed.value));
}

const KEYS = {
  ArrowLeft: () => seek(state.index - 1),
  ArrowRight: () => seek(state.index + 1),
  Home: () => seek(0),
  End: () => seek(Infinity),
  " ": play,
};

document.addEventListener("keydown", (event) => {
  const free = event.target === document.body || event.target === parts.slider;
  const seen = element.offsetParent !== null; // not another page's key
  if (!free || !seen || event.ctrlKey || event.altKey || event.metaKey || !KEYS[event.key]) return;
  event.preventDefault();
  if (event.key !== " ") pause();
  KEYS[event.key]();
});

parts.slider.addEventListener("input", () => {
  pause();
  seek(Number(parts.slider.value));
});
parts.play.addEventListener("click", play);

document.addEventListener("keydown", (event) => {
  const open = element.querySelector("details[open]");
  if (event.key === "Escape" && open) open.open = false;
});
element.addEventListener("click", (event) => {
  for (const open of element.querySelectorAll("details[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});
