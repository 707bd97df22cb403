// Finding the run again when the page was loaded anew, as phones do with a page that slept.

const SHOWN = "ldm-run"; // in the storage of this tab: the run that was drawn last

function remember(stopped = false) {
  if (server) sessionStorage.setItem(SHOWN, JSON.stringify({ run: state.run.run, stopped }));
}

// Shows a run that the app still has, after the one that it branched from; false if it has not.
async function bring(run) {
  if (compared().some((other) => other.run.run === run)) return true;
  const messages = await ask("missed", { run, after: 0 });
  if (!messages || !messages.length) return false;
  const { branch } = messages[0];
  if (branch && !(await bring(branch.run))) return false;
  for (const message of messages) await accept(message);
  return true;
}

async function wake() {
  const { run, stopped } = JSON.parse((server && sessionStorage.getItem(SHOWN)) || "{}");
  if (!run || !(await bring(run))) return;
  if (!new URLSearchParams(location.search).has("prompt")) {
    trigger("input", { parameters: state.run.parameters }); // which fills the form in
  }
  if (isWhole()) return;
  if (stopped) return stop();
  say("Going on …");
  trigger("resume", { run });
}
