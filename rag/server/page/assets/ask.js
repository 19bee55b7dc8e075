// Asking in the browser: the question, its answers, links to both, and what can be done with a quotation.

Object.assign(window.pincite, (() => {
  const { ready, tellStatus, say, announce, put, question, copy, save, called, answered, goneCard, pause } = window.pincite;
  const { choice, remember, forget, listEarlier } = window.pincite;
  const SETTLED_SECONDS = 0.4;

  let asked = ""; // the question whose answers are shown
  let standing = ""; // the last question that stands alone, which a follow-up is completed from
  let cards = null; // asks, and shows the answers
  let least = null; // the least confidence of an answer that was chosen

  let unanswered = null; // what was sent and got no answer
  let current = null; // what was sent last: a question, and the one before it if this may be a follow-up

  // Only the question that was asked last is shown, whichever answer comes first.
  let turn = 0;

  // The form folds once something is asked. If `quiet`, the answers before stay until the new ones are there.
  async function send(sent, quiet = false) {
    const mine = ++turn;
    current = sent;
    document.documentElement.dataset.asked = "";
    if (!quiet) {
      cards.show(cards.waiting);
      refit();
    }
    const result = await cards.ask({ ...sent, least, choice: choice.get() });
    if (mine !== turn) return;
    unanswered = result ? null : sent;
    cards.show(result?.html ?? goneCard(true));
    if (!result) return;
    if (result.stands) standing = result.stands;
    tellStatus(result.status);
  }

  const ask = (words, before = "") => send({ question: words ?? "", before });

  // Shows the page as it is before the first question.
  function startAgain() {
    turn++;
    asked = standing = "";
    current = null;
    delete document.documentElement.dataset.asked;
    document.title = "Pincite";
    fill("");
    cards.show("");
    choice.follow();
  }

  // Not by Gradio's events, which reach the page some time after the form is there.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.target !== question()) return;
    event.preventDefault();
    ask(event.target.value, standing);
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#pc-ask")) ask(question()?.value, standing);
  });
  choice.onChange(() => current && send(current, true));

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

  // Limits the next questions to these documents, and turns to the part that asks.
  function askOnly(ids) {
    window.pincite.closeSource();
    choice.set({ only: ids, kind: "", author: "", tag: "", since: "", until: "" });
    history.pushState(null, "", "#ask");
    dispatchEvent(new HashChangeEvent("hashchange"));
    withBox((field) => {
      field.focus();
      field.select();
    });
    say(ids.length === 1 ? `Only ${ids[0]} is asked` : `Only ${ids.length} documents are asked`);
  }

  // A button with `data-only` limits the questions to the document that it names.
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-only]");
    if (button) askOnly([button.dataset.only]);
  });

  // --- questions to choose, and the question in the address --------------------------------------------------------

  const linked = () => new URLSearchParams(location.search).get("q") ?? "";

  // The query of an address that names a quotation in place of a question, empty if this one does not.
  const lasting = () => {
    const named = new URLSearchParams(location.search);
    return named.has("document") && named.has("quote") && !named.has("q") ? named.toString() : "";
  };

  function address(question, shown) {
    const found = new URLSearchParams({ q: question, ...(shown ? { show: shown } : {}) });
    choice.addTo(found);
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
      const moved = linked() !== asked || !choice.isLinked();
      if (linked() && moved) {
        choice.follow();
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
        if (current !== null) await send(current, true);
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

    const show = (place, button) => window.pincite.openSource(button, { response: response(), address: place });

    async function keepWatching(button) {
      if (button.getAttribute("aria-pressed") === "true") {
        history.pushState(null, "", "#watch");
        return dispatchEvent(new HashChangeEvent("hashchange"));
      }
      const call = () => server.watch({ response: response(), choice: choice.get() });
      if (!(await answered(button, call, 1))) return;
      button.setAttribute("aria-pressed", "true");
      button.textContent = "Watched";
      say("Watched: it is asked again when documents change");
      window.pincite.tellWatched();
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
      if (!button) return quoted(event);
      if (button.matches(".pc-again")) send(unanswered);
      const { show: shown, widen: wide, link, lasting: lastingLink, verdict, export: form, asTyped, completed } = button.dataset;
      if (shown) show(shown, button);
      if (wide) widen(button);
      if (verdict) judge(button);
      if (form) exported(button);
      if (link) copy(button, address(asked, link));
      if (lastingLink) copy(button, `${location.origin}${location.pathname}?${lastingLink}`);
      if (button.dataset.watch !== undefined) keepWatching(button);
      if (asTyped) askFor(asTyped);
      if (completed) askFor(completed);
    });

    // A click on a quotation opens its source, unless words of it are being selected.
    function quoted(event) {
      const quotation = event.target.closest("blockquote");
      if (!quotation || !getSelection().isCollapsed) return;
      const button = quotation.closest("article, li").querySelector("[data-show]");
      if (button) show(button.dataset.show, button);
    }

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
      const isLinked = linked() === asked && choice.isLinked();
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
      history.pushState(null, "", link.href);
      const again = linked() === asked && choice.isLinked();
      dispatchEvent(new PopStateEvent("popstate")); // turns to the part that asks, and asks
      if (again) showLinked();
    });

    // Shows what became of the quotation of a link, and its source.
    async function follow(query) {
      document.documentElement.dataset.asked = "";
      await ready;
      const result = await called(() => server.linked({ link: query }));
      props.value = result?.html ?? goneCard();
      requestAnimationFrame(() => requestAnimationFrame(() => {
        announce(element);
        const button = element.querySelector("[data-cited]");
        if (button) window.pincite.openSource(button, { response: "", address: button.dataset.cited });
      }));
    }

    cards = {
      waiting: props.waiting,
      ask: (given) => called(() => server.ask(given)),
      show(html) {
        // The source of an answer goes with it.
        window.pincite.closeSource();
        props.value = html;
        requestAnimationFrame(() => requestAnimationFrame(arrived));
      },
    };
    // The form is shown from now on: what is asked before would be lost.
    document.documentElement.dataset.asking = "";
    withBox((field) => document.activeElement === document.body && field.focus());
    if (linked()) askFor(linked());
    else if (lasting()) follow(lasting());
  }

  return { ask, askOnly, suggested, confidence, answers };
})());
