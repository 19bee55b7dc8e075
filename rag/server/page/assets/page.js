// What the whole page does in the browser: it says aloud what has changed, copies, saves, and turns to another part.
// Everything that is shown comes from the server as finished HTML or as text; nothing here makes HTML from text.

window.pincite = (() => {
  const PARTS = ["ask", "documents", "batch", "evaluate"];
  const root = document.documentElement;

  const live = document.createElement("div");
  live.id = "pc-live";
  live.className = "pc-hidden";
  live.setAttribute("role", "status");
  live.setAttribute("aria-live", "polite");
  document.body.append(live);

  function say(words) {
    live.textContent = "";
    // A reader is told of a change, also to the same words.
    requestAnimationFrame(() => (live.textContent = words));
  }

  function announce(element) {
    const words = element.querySelector("[data-announce]")?.dataset.announce;
    if (words) say(words);
  }

  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const typing = (event) => event.target.closest?.("input:not([type=range]), textarea, select, [contenteditable]");
  const question = () => document.querySelector("#pc-question textarea, #pc-question input");

  // --- parts of the page -------------------------------------------------------------------------------------------

  function turn() {
    const named = location.hash.slice(1);
    const part = PARTS.includes(named) ? named : "ask";
    root.dataset.part = part;
    for (const link of document.querySelectorAll(".pc-parts a")) {
      if (link.hash === `#${part}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  function parts({ element }) {
    element.addEventListener("click", (event) => {
      const link = event.target.closest(".pc-parts a");
      if (!link) return;
      event.preventDefault();
      if (link.hash !== `#${root.dataset.part}`) history.pushState(null, "", link.hash);
      turn();
    });
    turn();
  }

  addEventListener("popstate", turn);
  addEventListener("hashchange", turn);

  // --- copying and saving ------------------------------------------------------------------------------------------

  async function toClipboard(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Outside https and localhost there is no clipboard object.
      const before = document.activeElement;
      const field = document.createElement("textarea");
      field.value = text;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
      before?.focus();
    }
  }

  async function copy(button, text) {
    if (button.textContent === "Copied") return;
    await toClipboard(text);
    const words = button.textContent;
    button.textContent = "Copied";
    say("Copied");
    setTimeout(() => (button.textContent = words), 1500);
  }

  function save(name, text, type) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    say(`Saved ${name}`);
  }

  // What a call to the server gave, or null where it failed; then the reason is said and shown beside `near`.
  async function answered(near, call) {
    let given;
    try {
      given = await call;
    } catch {
      given = { error: "The server did not answer. See that it runs, and try again." };
    }
    if (!given?.error) return given;
    const note = document.createElement("p");
    note.className = "pc-trouble";
    note.textContent = given.error;
    near.after(note);
    say(given.error);
    setTimeout(() => note.remove(), 8000);
    return null;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (button) copy(button, button.dataset.copy);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || typing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (root.dataset.part !== "ask") {
      history.pushState(null, "", "#ask");
      turn();
    }
    question()?.focus();
  });

  return { parts, say, announce, calm, typing, question, copy, save, answered };
})();
