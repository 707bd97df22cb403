// Starts the autoencoder page; it runs after the files that define its parts.

drawLegend(parts.legend);
drawLegend(parts.difference_legend);
for (const type of ["pointerdown", "pointermove"]) parts.latent.addEventListener(type, paint);
parts.scale.addEventListener("input", () => {
  edit((before) => before.map((x) => x * Number(parts.scale.value)), state.unscaled);
});
parts.channel.addEventListener("change", () => state.coded && settle());
parts.zero.addEventListener("click", () => edit((now) => now.map(() => 0)));
parts.flip.addEventListener("click", () => edit((now) => now.map((x) => -x)));
parts.shuffle.addEventListener("click", () => edit(shuffled));
parts.reset.addEventListener("click", () => {
  if (!state.coded) return;
  state.latent.set(state.x0); // every channel: dragging paints any
  settle();
  follow();
});
parts.reach.addEventListener("click", reach);
parts.paint_cell.addEventListener("click", paintCell);
parts.other.addEventListener("change", blend);
parts.share.addEventListener("input", drawBlend);
parts.changes.addEventListener("click", showChanges);
parts.clock.addEventListener("click", showClock);
fillOthers().then(() => new IntersectionObserver(arrive).observe(element));
