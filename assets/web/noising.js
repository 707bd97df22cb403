// Starts the noising page: the scrubber, the keys, the questions. It runs after the files that
// define them, as one function with them.

function seek(t) {
  state.t = Math.max(0, Math.min(t, state.T - 1));
  draw();
}

function pause() {
  clearInterval(state.timer);
  state.timer = null;
  parts.play.classList.remove("playing");
  parts.play.setAttribute("aria-label", "Play");
}

// Plays through all t in about eight seconds.
function play() {
  if (state.timer) return pause();
  if (!state.compare) return;
  if (state.t >= state.T - 1) seek(0);
  parts.play.classList.add("playing");
  parts.play.setAttribute("aria-label", "Pause");
  state.timer = setInterval(() => {
    seek(state.t + Math.max(1, Math.round(state.T / 200)));
    if (state.t >= state.T - 1 || !isShown()) pause();
  }, 40);
}

const KEYS = {
  ArrowLeft: () => seek(state.t - 1),
  ArrowRight: () => seek(state.t + 1),
  PageDown: () => seek(state.t - Math.round(state.T / 20)),
  PageUp: () => seek(state.t + Math.round(state.T / 20)),
  Home: () => seek(0),
  End: () => seek(Infinity),
  " ": play,
};

document.addEventListener("keydown", (event) => {
  const open = element.querySelector("details[open]");
  if (event.key === "Escape" && open) open.open = false;
  const free = event.target === document.body || event.target === parts.slider;
  if (!isShown() || !free || event.ctrlKey || event.altKey || event.metaKey) return;
  if (!KEYS[event.key] || (event.key.startsWith("Page") && event.target === document.body)) return;
  event.preventDefault();
  if (event.key !== " ") pause();
  KEYS[event.key]();
});
parts.slider.addEventListener("input", () => {
  pause();
  seek(Number(parts.slider.value));
});
element.addEventListener("click", (event) => {
  for (const open of element.querySelectorAll("details[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});
parts.play.addEventListener("click", play);
parts.seed.addEventListener("change", () => chosen && mixAgain());
parts.guess.addEventListener("click", () => answer("guess", showGuesses));
parts.step_back.addEventListener("click", () => answer("step_back", showStep));
parts.walk.addEventListener("click", () => answer("walk", showWalk));
parts.train.addEventListener("click", () =>
  answer("train", showExample, { seed: Math.floor(Math.random() * 2 ** 32) }));
parts.denoise.addEventListener("click", denoise);
parts.measure.addEventListener("click", measure);
watch("value", () => receive(props.value));
prepare().then(() => new IntersectionObserver(arrive).observe(element));
