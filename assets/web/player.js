// Moving through the steps: slider, play, keys.

function seek(index) {
  state.following = false;
  state.index = Math.max(0, Math.min(index, state.frames.length - 1));
  draw();
}

const { pause } = takeScrubber({
  slider: parts.slider,
  button: parts.play,
  at: () => state.index,
  last: () => state.frames.length - 1,
  seek,
  wait: () => 1000 / Number(parts.speed.value),
});
