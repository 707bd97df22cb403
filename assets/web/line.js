// Asking the server what it computes for one person after another.

const PATIENCE = 700; // milliseconds, after which a page asks what it waits for, again and again

// What the server answers to a question; until then, wait() is called with what it waits for, in
// words: "" once it computes.
async function askInLine(name, asked, wait) {
  const ticket = `${Date.now()} ${Math.random()}`;
  let answered = false;
  const timer = setInterval(async () => {
    const { data } = await server.waiting(ticket).catch(() => ({}));
    if (!answered) wait(data ? `${data} …` : "");
  }, PATIENCE);
  try {
    return await server[name]({ ...asked, ticket });
  } finally {
    answered = true;
    clearInterval(timer);
  }
}
