// What the whole page does in the browser: it says aloud what has changed, copies, saves, and turns to another part.
// Everything that is shown comes from the server as finished HTML or as text; nothing here makes HTML from text.

window.pincite = (() => {
  const PARTS = ["ask", "watch", "proof", "documents", "batch", "evaluate"];
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
    requestAnimationFrame(() => (live.textContent = window.pincite.translated(words)));
  }

  function announce(element) {
    const words = element.querySelector("[data-announce]")?.dataset.announce;
    if (words) say(words);
  }

  // Shows HTML in a part, then says what it announces. It is there after the next frame; `then` is called after that.
  function put({ element, props }, html, then) {
    if (props.value === html) return;
    props.value = html;
    requestAnimationFrame(() => requestAnimationFrame(() => {
      announce(element);
      then?.();
    }));
  }

  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const typing = (event) => event.target.closest?.("input:not([type=range], [type=file]), textarea, select, [contenteditable]");
  const question = () => document.querySelector("#pc-question textarea, #pc-question input");

  // --- parts of the page -------------------------------------------------------------------------------------------

  function turn() {
    const named = location.hash.slice(1);
    const part = PARTS.includes(named) ? named : "ask";
    root.dataset.part = part;
    for (const link of document.querySelectorAll(".pc-parts a")) {
      if (link.hash === `#${part}`) {
        link.setAttribute("aria-current", "page");
        const row = link.parentElement; // on a narrow screen it scrolls
        row.scrollLeft = link.offsetLeft - row.offsetLeft - (row.clientWidth - link.offsetWidth) / 2;
      }
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
    collections(element);
  }

  // On a server of several collections, a list of those that this visitor may read leads from one page to the other.
  async function collections(element) {
    const own = location.pathname.match(/^\/c\/([^/]+)\/$/)?.[1];
    const response = own && (await fetch("/v1/collections").catch(() => null));
    if (!response?.ok) return;
    const names = (await response.json()).collections.map((collection) => collection.name);
    const label = document.createElement("label");
    const choice = document.createElement("select");
    label.className = "pc-collection";
    label.append(Object.assign(document.createElement("span"), { textContent: "Collection" }), choice);
    for (const name of names) choice.append(Object.assign(new Option(name, `/c/${name}/`, false, name === own), { translate: false }));
    choice.append(new Option("All collections", "/"));
    choice.addEventListener("change", () => {
      const asked = new URLSearchParams(location.search).get("q");
      location.assign(choice.value + (asked ? `?${new URLSearchParams({ q: asked })}` : "") + (choice.value === "/" ? "" : location.hash));
    });
    element.querySelector("nav").after(label);
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
    if (button.dataset.copied) return;
    await toClipboard(text);
    const words = button.textContent;
    button.dataset.copied = "yes";
    button.textContent = "Copied";
    say("Copied");
    setTimeout(() => {
      button.textContent = words;
      delete button.dataset.copied;
    }, 1500);
  }

  function save(name, text, type) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    say(`Saved ${name}`);
  }

  // --- calls to the server -----------------------------------------------------------------------------------------

  const GONE = "Pincite is not answering. Is `rag serve` still running?";
  const TIMES = 3;
  const pause = (seconds) => new Promise((then) => setTimeout(then, seconds * 1000));

  // The result of a call. A call that gets no answer is sent again; undefined if none of them got one.
  // Gradio does not throw when a request fails: its call gives undefined.
  async function called(call, times = TIMES) {
    for (let turn = 1; ; turn++) {
      let result;
      try {
        result = await call();
      } catch {
        result = undefined;
      }
      if (result || turn === times) return result;
      await pause(turn / 2);
    }
  }

  // The result of a call, or null if it failed; then the reason is said, and shown beside `near` for some seconds.
  async function answered(near, call, times) {
    const result = (await called(call, times)) ?? { error: GONE };
    if (!result.error) return result;
    const note = document.createElement("p");
    note.className = "pc-trouble";
    note.textContent = result.error;
    near.after(note);
    say(result.error);
    setTimeout(() => note.remove(), 8000);
    return null;
  }

  const AGAIN = '<p class="pc-controls"><button type="button" class="pc-again">Try again</button></p>';

  // A card that stays; with a button if the part that shows it can try again.
  function goneCard(again = false) {
    return `<section class="pc-card pc-error pc-gone" data-announce="${GONE}"><h2 class="pc-headline">Pincite is not answering.</h2>
      <p>Is <code>rag serve</code> still running?</p>${again ? AGAIN : ""}</section>`;
  }

  // Shows what a job of the server yields until it is done; gives whether it came to its end.
  async function follow(server, job, show) {
    for (;;) {
      const news = (await called(() => server.news({ job }), 10)) ?? { error: GONE };
      if (news.error) {
        say(news.error);
        show(news.card ?? goneCard());
        return false;
      }
      show(news.html);
      if (news.done) return true;
      await pause(0.3);
    }
  }

  // Is kept once the index is open.
  let open;
  const ready = new Promise((then) => (open = then));

  async function status({ props, server }) {
    line = props;
    for (;;) {
      const state = await called(() => server.state({}), 1);
      if (state) props.value = state.html;
      if (state?.ready) break;
      await pause(0.5);
    }
    open();
  }

  // The line that says which index is asked.
  let line = null;
  const tellStatus = (html) => line && (line.value = html);

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

  return { parts, status, ready, tellStatus, say, announce, put, calm, typing, question, copy, save, called, answered, goneCard, follow, pause };
})();
