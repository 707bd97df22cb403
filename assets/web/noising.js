// Starts the noising page: the scrubber, the keys, the questions. It runs after the files that
// define them, as one function with them.

function seek(t) {
  state.t = Math.max(0, Math.min(t, state.T - 1));
  draw();
}

const { pause } = takeScrubber({
  slider: parts.slider,
  button: parts.play,
  at: () => state.t,
  last: () => (state.compare ? state.T - 1 : -1),
  seek,
  next: () => state.t + Math.max(1, Math.round(state.T / 200)), // all t in about eight seconds
  wait: () => 40,
  keys: {
    PageDown: () => seek(state.t - Math.round(state.T / 20)),
    PageUp: () => seek(state.t + Math.round(state.T / 20)),
  },
});

parts.seed.addEventListener("change", () => chosen && mixAgain());
parts.guess.addEventListener("click", () => answer("guess", showGuesses));
parts.step_back.addEventListener("click", () => answer("step_back", showStep));
parts.walk.addEventListener("click", () => answer("walk", showWalk));
parts.train.addEventListener("click", () =>
  answer("train", showExample, { seed: Math.floor(Math.random() * 2 ** 32) }));
parts.denoise.addEventListener("click", denoise);
parts.stop.addEventListener("click", stopDenoising);
parts.measure.addEventListener("click", measure);
watch("value", () => receive(props.value));
prepare().then(() => new IntersectionObserver(arrive).observe(element));
