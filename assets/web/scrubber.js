// A scrubber: a slider, a play button and keys. Every page that has one takes it from here.
// at(), last(): the place now and the last one, which is below 0 if there is nothing to show;
// seek(place); next(): the place after this one, when playing; wait(): milliseconds between two;
// keys: more keys than these. Gives play and pause. Needs page.js.
function takeScrubber({ slider, button, at, last, seek, next = () => at() + 1, wait, keys = {} }) {
  let timer = null;

  function pause() {
    clearTimeout(timer);
    timer = null;
    button.classList.remove("playing");
    button.setAttribute("aria-label", "Play");
  }

  function play() {
    if (timer) return pause();
    if (last() < 1) return;
    if (at() >= last()) seek(0);
    button.classList.add("playing");
    button.setAttribute("aria-label", "Pause");
    tick();
  }

  // Waits as long as is wanted now, so that the speed can be changed while playing.
  function tick() {
    timer = setTimeout(() => {
      seek(next());
      if (at() >= last() || !isShown()) return pause();
      tick();
    }, wait());
  }

  const all = {
    ArrowLeft: () => seek(at() - 1),
    ArrowRight: () => seek(at() + 1),
    Home: () => seek(0),
    End: () => seek(Infinity),
    ...keys,
    " ": play,
  };
  document.addEventListener("keydown", (event) => {
    const { key, target } = event, own = key in keys; // those are for the slider only
    const taken = target.closest("input, select, textarea, [role=tab], [contenteditable]")
      || (key === " " && target.closest("button, summary, a")); // which it presses
    const free = target === slider || (!own && !taken && !event.defaultPrevented);
    if (!isShown() || !free || event.ctrlKey || event.altKey || event.metaKey || !all[key]) return;
    if (last() < 0) return;
    event.preventDefault();
    if (key !== " ") pause();
    all[key]();
  });
  slider.addEventListener("input", () => {
    pause();
    seek(Number(slider.value));
  });
  button.addEventListener("click", play);
  return { play, pause };
}
