// Earlier questions: those of this sitting, and those before it. They are kept in this browser alone.

Object.assign(window.pincite, (() => {
  // Each collection of a server has its own: its questions are nothing to those who see another.
  const OF = location.pathname.match(/^\/c\/[^/]+\//)?.[0] ?? "";
  const HISTORY = `pincite-questions${OF}`;
  const SITTING = `pincite-sitting${OF}`;
  const LONGEST_HISTORY = 50;

  function stored(storage, name) {
    try {
      const found = JSON.parse(storage.getItem(name) ?? "[]");
      return Array.isArray(found) ? found.filter((item) => typeof item === "string") : [];
    } catch {
      return [];
    }
  }

  function keep(storage, name, words) {
    try {
      storage.setItem(name, JSON.stringify(words));
    } catch {
      // Without storage there is no history; the answer is there all the same.
    }
  }

  function remember(question) {
    for (const [storage, name] of [[localStorage, HISTORY], [sessionStorage, SITTING]]) {
      const others = stored(storage, name).filter((item) => item !== question);
      keep(storage, name, [question, ...others].slice(0, LONGEST_HISTORY));
    }
  }

  function forget() {
    keep(localStorage, HISTORY, []);
    keep(sessionStorage, SITTING, []);
  }

  function item(words) {
    const [entry, button] = [document.createElement("li"), document.createElement("button")];
    button.type = "button";
    button.dir = "auto";
    button.dataset.question = button.textContent = words;
    entry.append(button);
    return entry;
  }

  // Fills the list of a part; with no question it is not shown.
  function listEarlier(element) {
    const details = element.querySelector(".pc-earlier");
    if (!details) return;
    const sitting = stored(sessionStorage, SITTING);
    const before = stored(localStorage, HISTORY).filter((words) => !sitting.includes(words));
    details.hidden = sitting.length + before.length === 0;
    for (const [name, questions] of [["sitting", sitting], ["before", before]]) {
      details.querySelector(`.pc-${name} ol`).replaceChildren(...questions.map(item));
      details.querySelector(`.pc-${name}`).hidden = questions.length === 0;
    }
  }

  return { remember, forget, listEarlier };
})());
