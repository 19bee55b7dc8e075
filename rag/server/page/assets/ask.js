// Asking in the browser: examples, earlier questions, links, and what can be done with a quotation and its source.

Object.assign(window.pincite, (() => {
  const { ready, tellStatus, say, announce, put, calm, typing, question, copy, save, called, answered, goneCard, pause } = window.pincite;
  const HISTORY = "pincite-questions";
  const LONGEST_HISTORY = 50;
  const SETTLED_SECONDS = 0.4;

  let asked = ""; // the question whose answers are shown
  let opener = null; // the button that opened the source, to give the focus back to
  let pane = null; // opens and closes the source
  let cards = null; // asks, and shows the answers
  let least = null; // the least confidence of an answer that was chosen

  let unanswered = null; // the question to which the server gave no answer
  let current = null; // the question that was sent last

  // Only the question that was asked last is shown, whichever answer comes first.
  let turn = 0;

  // The form folds once something is asked. If `quiet`, the answers before stay until the new ones are there.
  async function ask(question, quiet = false) {
    const mine = ++turn;
    current = question;
    document.documentElement.dataset.asked = "";
    if (!quiet) {
      cards.show(cards.waiting);
      refit();
    }
    const result = await cards.ask({ question: question ?? "", least, only });
    if (mine !== turn) return;
    unanswered = result ? null : question;
    cards.show(result?.html ?? goneCard(true));
    if (result) tellStatus(result.status);
  }

  // Shows the page as it is before the first question.
  function startAgain() {
    turn++;
    asked = "";
    current = null;
    delete document.documentElement.dataset.asked;
    document.title = "Pincite";
    fill("");
    cards.show("");
    choose(linkedOnly());
  }

  // Not by Gradio's events, which reach the page some time after the form is there.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.target !== question()) return;
    event.preventDefault();
    ask(event.target.value);
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#pc-ask")) ask(question()?.value);
  });

  // Calls with the box once it is there: Gradio may add it after the part that asks.
  function withBox(then) {
    if (question()) return then(question());
    new MutationObserver((_, watcher) => {
      if (!question()) return;
      watcher.disconnect();
      then(question());
    }).observe(document.body, { childList: true, subtree: true });
  }

  // Gradio gives the box the height of its words when they change; the box is narrower once the form is folded.
  const refit = () => requestAnimationFrame(() => question()?.dispatchEvent(new Event("input", { bubbles: true })));

  function fill(words) {
    withBox((field) => {
      field.value = words;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }

  // Asks in place of the visitor, with the words in the box.
  function askFor(words) {
    fill(words);
    ask(words);
  }

  // --- the documents that alone are asked --------------------------------------------------------------------------

  const linkedOnly = () => new URLSearchParams(location.search).getAll("only");
  let only = linkedOnly(); // ids, none for all documents
  let showChosen = () => {};

  function choose(ids) {
    only = ids;
    showChosen();
  }

  // Says which documents are asked, and takes the choice back.
  function chosen({ element }) {
    const line = document.createElement("p");
    line.className = "pc-note";
    element.append(line);
    showChosen = () => {
      element.hidden = !only.length;
      if (!only.length) return line.replaceChildren();
      const [name, all] = [document.createElement("bdi"), document.createElement("button")];
      name.textContent = only.join(", ");
      all.type = "button";
      all.textContent = "Ask all documents";
      all.addEventListener("click", () => {
        choose([]);
        question()?.focus();
        if (asked) ask(asked);
      });
      line.replaceChildren("Only in ", name, " ", all);
    };
    showChosen();
  }

  // A button with `data-only` limits the questions to the document that it names.
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-only]");
    if (!button) return;
    pane?.close();
    choose([button.dataset.only]);
    history.pushState(null, "", "#ask");
    dispatchEvent(new HashChangeEvent("hashchange")); // turns to the part that asks
    withBox((field) => {
      field.focus();
      field.select();
    });
    say(`Only ${button.dataset.only} is asked`);
  });

  // --- earlier questions, kept in this browser alone ---------------------------------------------------------------

  function earlier() {
    try {
      const found = JSON.parse(localStorage.getItem(HISTORY) ?? "[]");
      return Array.isArray(found) ? found.filter((item) => typeof item === "string") : [];
    } catch {
      return [];
    }
  }

  function remember(question) {
    const found = [question, ...earlier().filter((item) => item !== question)].slice(0, LONGEST_HISTORY);
    try {
      localStorage.setItem(HISTORY, JSON.stringify(found));
    } catch {
      // Without storage there is no history; the answer is there all the same.
    }
  }

  function forget() {
    try {
      localStorage.removeItem(HISTORY);
    } catch {
      // There was none.
    }
  }

  function listEarlier(element) {
    const details = element.querySelector(".pc-earlier");
    if (!details) return;
    const found = earlier();
    details.hidden = found.length === 0;
    const list = details.querySelector("ol");
    list.replaceChildren(
      ...found.map((words) => {
        const button = document.createElement("button");
        button.type = "button";
        button.dir = "auto";
        button.dataset.question = button.textContent = words;
        const item = document.createElement("li");
        item.append(button);
        return item;
      }),
    );
  }

  // --- questions to choose, and the question in the address --------------------------------------------------------

  const sameChoice = () => JSON.stringify(linkedOnly()) === JSON.stringify(only);
  const linked = () => new URLSearchParams(location.search).get("q") ?? "";

  function address(question, shown) {
    const found = new URLSearchParams({ q: question, ...(shown ? { show: shown } : {}) });
    for (const id of only) found.append("only", id);
    return `${location.origin}${location.pathname}?${found}`;
  }

  function suggested({ element, props, server }) {
    element.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button?.dataset.question) askFor(button.dataset.question);
      if (button?.matches(".pc-forget")) {
        forget();
        listEarlier(element);
        say("History cleared");
      }
    });
    // Stays so when examples arrive, also right after the click: the event that tells of the unfolding comes later.
    let unfolded = false;
    element.addEventListener("click", (event) => {
      if (event.target.closest(".pc-earlier > summary")) unfolded = !event.target.closest("details").open;
    });

    ready.then(async () => {
      const result = await called(() => server.examples({}));
      if (!result?.html) return;
      put({ element, props }, result.html, () => {
        listEarlier(element);
        element.querySelector(".pc-earlier").open = unfolded;
      });
    });
    window.pincite.firstFiles({ element });
    addEventListener("popstate", () => {
      const moved = linked() !== asked || !sameChoice();
      if (linked() && moved) {
        choose(linkedOnly());
        askFor(linked());
      } else if (!linked() && asked) startAgain();
    });
    listEarlier(element);
  }

  // --- how sure an answer must be ----------------------------------------------------------------------------------

  function confidence({ element, props, server }) {
    ready.then(async () => {
      const result = await called(() => server.slider({}));
      if (result?.html) props.value = result.html;
    });
    const slider = () => element.querySelector("#pc-least");
    const tell = () => {
      const words = JSON.parse(slider().dataset.stops)[slider().value];
      element.querySelector(".pc-stop").textContent = words;
      slider().setAttribute("aria-valuetext", words);
    };
    // Each press of an arrow key moves the slider: one question is on its way, and one more asks for the last place.
    let refining = false;
    const refine = async () => {
      if (refining || current === null) return;
      refining = true;
      for (let sent; sent !== least; ) {
        await pause(SETTLED_SECONDS);
        sent = least;
        if (current !== null) await ask(current, true);
      }
      refining = false;
    };
    const choose = () => {
      tell();
      const usual = slider().value === slider().dataset.usual;
      least = usual ? null : Number(slider().value) / 100;
      refine();
    };
    element.addEventListener("input", tell);
    element.addEventListener("change", choose);
    element.addEventListener("click", (event) => {
      if (!event.target.closest(".pc-usual")) return;
      slider().value = slider().dataset.usual;
      choose();
    });
  }

  // --- answers -----------------------------------------------------------------------------------------------------

  function answers({ element, props, server }) {
    const response = () => element.querySelector("[data-response]")?.dataset.response;

    async function show(place, button) {
      const given = await answered(button, () => server.show({ response: response(), address: place }));
      if (!given) return;
      opener = button;
      pane.open(given.html);
    }

    async function widen(button) {
      const [group, rank, by] = button.dataset.widen.split("/");
      const call = () => server.widen({ response: response(), address: `${group}/${rank}/0`, by: Number(by) + 1 });
      const given = await answered(button, call);
      if (!given) return;
      const card = button.closest("article, li");
      const [before, after] = [card.querySelector(".pc-before"), card.querySelector(".pc-after")];
      const text = before.textContent + after.textContent;
      [before.innerHTML, after.innerHTML] = [given.before, given.after];
      const more = before.textContent + after.textContent !== text;
      // The quotation now says it itself.
      card.querySelector(".pc-continues")?.toggleAttribute("hidden", given.continued);
      button.dataset.widen = `${group}/${rank}/${Number(by) + 1}`;
      button.disabled = !more;
      say(more ? "Shown with a sentence more on each side" : "There is no more of this document");
    }

    async function judge(button) {
      const [rank, verdict] = button.dataset.verdict.split("/");
      const call = () => server.judge({ response: response(), rank: Number(rank), verdict });
      if (!(await answered(button, call, 1))) return; // sent twice, it would be kept twice
      for (const other of button.parentElement.querySelectorAll("[data-verdict]"))
        other.setAttribute("aria-pressed", String(other === button));
      say(`Noted: ${button.textContent}`);
    }

    async function exported(button) {
      const call = () => server.export({ response: response(), form: button.dataset.export });
      const given = await answered(button, call);
      if (given) save(given.name, given.text, given.type);
    }

    element.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.matches(".pc-again")) ask(unanswered);
      const { show: shown, widen: wide, link, verdict, export: form } = button.dataset;
      if (shown) show(shown, button);
      if (wide) widen(button);
      if (verdict) judge(button);
      if (form) exported(button);
      if (link) copy(button, address(asked, link));
    });

    function arrived() {
      announce(element);
      const found = element.querySelector("[data-question]")?.dataset.question.trim();
      if (!found) return;
      const opens = !asked || following;
      following = false;
      asked = found;
      document.title = `${asked} – Pincite`;
      remember(asked);
      for (const list of document.querySelectorAll("#pc-examples")) listEarlier(list);
      const isLinked = linked() === asked && sameChoice();
      if (isLinked && opens) showLinked();
      else if (!isLinked) history.pushState(null, "", address(asked));
    }

    // Opens the source that the address names.
    function showLinked() {
      const place = new URLSearchParams(location.search).get("show");
      const button = place && element.querySelector(`[data-show="${CSS.escape(place)}"]`);
      if (button) show(place, button);
    }

    // A link to a question, in a table of many: the page stays, so that the table does.
    let following = false;
    document.addEventListener("click", (event) => {
      const link = event.target.closest?.("a[data-ask]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      following = true;
      const again = link.dataset.ask === asked && !only.length;
      history.pushState(null, "", link.href);
      dispatchEvent(new PopStateEvent("popstate")); // turns to the part that asks, and asks
      if (again) showLinked();
    });

    cards = {
      waiting: props.waiting,
      ask: (given) => called(() => server.ask(given)),
      show(html) {
        // The source of an answer goes with it.
        pane?.close();
        props.value = html;
        requestAnimationFrame(() => requestAnimationFrame(arrived));
      },
    };
    // The form is shown from now on: what is asked before would be lost.
    document.documentElement.dataset.asking = "";
    withBox((field) => document.activeElement === document.body && field.focus());
    if (linked()) askFor(linked());
  }

  // --- the source of one -------------------------------------------------------------------------------------------

  function source({ element, props, server }) {
    const pages = window.pincite.sheets(element, server, () => go(current ?? here()));
    let current = null; // the mark that was gone to last

    const close = () => (props.value = "");
    const leave = () => {
      if (!props.value) return;
      close();
      opener?.focus();
    };

    function open(html) {
      current = null;
      props.value = html;
      // It is there, and the panes are laid out anew, after the next frame.
      requestAnimationFrame(() => requestAnimationFrame(() => {
        announce(element);
        element.querySelector("h2")?.focus({ preventScroll: true });
        element.scrollIntoView({ block: "nearest", behavior: calm() ? "auto" : "smooth" });
        go(here());
        pages.opened();
      }));
    }
    pane = { open, close };

    // A mark that is split at the edge of another is one mark: its first piece stands for it.
    const first = (mark, place, all) => all.findIndex((other) => other.dataset.mark === mark.dataset.mark) === place;
    const marks = () => [...element.querySelectorAll(".pc-text :is(.pc-here, .pc-other)")].filter(first);

    function go(mark) {
      const text = element.querySelector(".pc-text");
      if (!mark || !text) return;
      current = mark;
      const above = mark.getBoundingClientRect().top - text.getBoundingClientRect().top;
      text.scrollTop += above - text.clientHeight / 4;
      mark.classList.remove("pc-flash");
      void mark.offsetWidth; // restarts the animation
      mark.classList.add("pc-flash");
    }

    function step(by) {
      const found = marks();
      if (!found.length) return;
      const at = found.indexOf(current);
      const next = found[(at + by + found.length) % found.length];
      go(next);
      say(`${next.title}, mark ${found.indexOf(next) + 1} of ${found.length}`);
    }

    const here = () => element.querySelector(".pc-text .pc-here");
    element.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.dataset.close) leave();
      if (button.dataset.scroll === "here") go(here());
      if (button.dataset.scroll === "next") step(1);
      if (button.dataset.scroll === "previous") step(-1);
      if (button.dataset.ignored) {
        const hidden = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(hidden));
        element.querySelector(".pc-source").classList.toggle("pc-without", hidden);
        say(hidden ? "Ignored parts hidden" : "Ignored parts shown");
        go(current ?? here());
      }
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") leave();
      if (!props.value || !pages.isText() || typing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "n") step(1);
      if (event.key === "p") step(-1);
    });
  }

  return { ask, chosen, suggested, confidence, answers, source };
})());
