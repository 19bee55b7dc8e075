// The documents that are asked: chosen by name, kind, author, tag and date, and kept in the address.

Object.assign(window.pincite, (() => {
  const { ready, called, question, say } = window.pincite;
  const NAMES = ["kind", "author", "tag", "since", "until"];
  const SETTLED_MILLISECONDS = 400;

  const linkedChoice = () => {
    const found = new URLSearchParams(location.search);
    return { only: found.getAll("only"), ...Object.fromEntries(NAMES.map((name) => [name, found.get(name) ?? ""])) };
  };
  const isAll = (values) => !values.only.length && NAMES.every((name) => !values[name]);
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

  let values = linkedChoice();
  let shown = () => {};
  let askAgain = () => {}; // asks what is asked now once more

  const choice = {
    get: () => values,
    isLinked: () => same(values, linkedChoice()),
    // Takes the choice that the address names.
    follow: () => choice.set(linkedChoice()),
    set(next) {
      if (same(values, next)) return;
      values = next;
      shown();
    },
    // Adds the choice to the query of an address.
    addTo(query) {
      for (const id of values.only) query.append("only", id);
      for (const name of NAMES) if (values[name]) query.set(name, values[name]);
    },
    onChange: (then) => (askAgain = then),
  };

  function chosen({ element, server }) {
    const part = (selector) => element.querySelector(selector);
    const panel = () => part(".pc-choice-body");
    const field = (name) => panel().querySelector(`[data-choice="${name}"]`);
    let turn = 0;

    async function tell() {
      const mine = ++turn;
      part(".pc-ask-all").hidden = isAll(values);
      const isOpen = part(".pc-choose").open;
      const whole = isOpen && !panel().firstElementChild;
      const query = whole ? "" : (isOpen && field("query")?.value) || "";
      const result = await called(() => server.choices({ choice: values, query, whole }));
      if (mine !== turn || !result) return;
      part(".pc-choose > summary bdi").textContent = result.words ?? result.error;
      if (result.panel) panel().innerHTML = result.panel;
      const list = panel().querySelector(".pc-choices");
      if (!list || result.list === undefined) return;
      const focused = list.contains(document.activeElement) ? document.activeElement.value : null;
      list.innerHTML = result.list;
      if (focused !== null) list.querySelector(`input[value="${CSS.escape(focused)}"]`)?.focus();
    }

    let waiting;
    function change(next, soon = SETTLED_MILLISECONDS) {
      values = next;
      clearTimeout(waiting);
      waiting = setTimeout(async () => {
        await tell();
        say(part(".pc-choose > summary").textContent);
        askAgain();
      }, soon);
    }

    shown = () => {
      panel().replaceChildren();
      tell();
    };
    part(".pc-choose").addEventListener("toggle", () => {
      if (part(".pc-choose").open) tell().then(() => field("query")?.focus({ preventScroll: true }));
    });
    element.addEventListener("input", (event) => {
      const { choice: name } = event.target.dataset;
      if (name === "query") tell();
      else if (name) change({ ...values, [name]: event.target.value.trim() });
      if (event.target.type !== "checkbox") return;
      const others = values.only.filter((id) => id !== event.target.value);
      change({ ...values, only: event.target.checked ? [...others, event.target.value] : others });
    });
    element.addEventListener("click", (event) => {
      if (!event.target.closest(".pc-ask-all")) return;
      panel().replaceChildren();
      part(".pc-choose").open = false;
      question()?.focus();
      change({ ...Object.fromEntries(NAMES.map((name) => [name, ""])), only: [] }, 0);
    });
    ready.then(tell);
  }

  return { choice, chosen };
})());
