// Documents, batches and evaluations in the browser: files to send, lists to choose from, downloads.

Object.assign(window.pincite, (() => {
  const { ready, say, put, save, called, answered, goneCard, follow, pause } = window.pincite;
  const SURE_SECONDS = 6;
  const STATE_SECONDS = 3;
  const MAX_ASKED = 100; // documents that an address can name

  // A button that asks for a second click: the first one arms it for some seconds.
  function sure(button) {
    if (button.dataset.armed) return true;
    const words = button.textContent;
    button.dataset.armed = "yes";
    button.textContent = "Remove? Click again";
    say(`${button.getAttribute("aria-label") ?? words}? Press again to confirm.`);
    setTimeout(() => {
      delete button.dataset.armed;
      button.textContent = words;
    }, SURE_SECONDS * 1000);
    return false;
  }

  // What the buttons of all parts do, by the first name in their `data-do`.
  const actions = {};
  let listAgain = async () => {};
  let healthAgain = async () => {};

  // Answers may come in another order than they were asked for: only that of the last call is given, else null.
  function lastOnly() {
    let last = 0;
    return async (near, call) => {
      const number = ++last;
      const result = await answered(near, call);
      return number === last ? result : null;
    };
  }

  function buttons({ element }) {
    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (!button || (button.dataset.sure && !sure(button))) return;
      const what = JSON.parse(button.dataset.do);
      const action = Object.keys(what).map((name) => actions[name]).find(Boolean);
      action?.(what, button);
    });
  }

  // --- files -------------------------------------------------------------------------------------------------------

  // The files of what was dropped, also those in folders.
  async function dropped(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
    const files = [];
    for (const entry of entries) files.push(...(await within(entry)));
    return files;
  }

  async function within(entry) {
    if (entry.isFile) return [await new Promise((then, failed) => entry.file(then, failed))];
    const reader = entry.createReader();
    const files = [];
    for (;;) {
      const some = await new Promise((then, failed) => reader.readEntries(then, failed)); // at most 100 at once
      if (!some.length) return files;
      for (const inner of some) files.push(...(await within(inner)));
    }
  }

  const isVisible = (file) => !`/${file.webkitRelativePath || file.name}`.includes("/.");

  // Calls `take` with the files that are dropped into a box or chosen in its dialogs.
  function dropZone(element, take) {
    const zone = () => element.querySelector(".pc-drop");
    element.addEventListener("change", (event) => {
      const files = [...(event.target.files ?? [])].filter(isVisible);
      if (!files.length) return;
      event.target.value = "";
      take(files);
    });
    for (const name of ["dragover", "dragleave", "drop"]) {
      element.addEventListener(name, async (event) => {
        event.preventDefault();
        zone()?.classList.toggle("pc-over", name === "dragover");
        if (name !== "drop" || !zone()) return;
        const files = (await dropped(event.dataTransfer)).filter(isVisible);
        if (files.length) take(files);
      });
    }
    return {
      limit: () => Number(zone().dataset.limit) * 1e6,
      list: () => zone().querySelector(".pc-sending"),
    };
  }

  // The rows of files that are sent and read: one for each, with what becomes of it.
  function fileRows(list, files, cancel) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "pc-tool";
    button.textContent = "Cancel";
    button.addEventListener("click", cancel);
    const states = files.map((file) => {
      const [item, name, state] = ["li", "bdi", "span"].map((tag) => document.createElement(tag));
      name.textContent = file.webkitRelativePath || file.name;
      item.append(name, " ", state);
      list.append(item);
      return state;
    });
    list.append(button);
    const tell = (place, words, kind = "") => {
      states[place].textContent = words;
      states[place].parentElement.dataset.kind = kind;
      if (kind === "now") states[place].parentElement.scrollIntoView({ block: "nearest" });
    };
    files.forEach((_, place) => tell(place, "queued"));
    return { tell, clear: () => list.replaceChildren(), sent: () => button.remove() };
  }

  // Sends one file; gives {key} or {error}.
  async function sent(file, limit) {
    if (file.size > limit) return { error: `The file is larger than ${limit / 1e6} MB.` };
    const headers = { "x-file-name": encodeURIComponent(file.name), "content-type": "application/octet-stream" };
    const post = async () => (await fetch("pincite/files", { method: "POST", headers, body: file })).json();
    return (await called(post)) ?? { error: "The file could not be sent. Is the server still running?" };
  }

  let sendFiles = null; // sends files and adds them, with a row for each under Documents
  let reading = () => {}; // shows in these rows which file is read now

  // The box on the first screen of an empty index.
  function firstFiles({ element }) {
    dropZone(element, (files) => {
      location.hash = "documents";
      sendFiles?.(files);
    });
  }

  function upload({ element }) {
    const zone = dropZone(element, send);
    sendFiles = send;
    let sending = Promise.resolve(); // files that come while others are sent wait for these

    function send(files) {
      sending = sending.then(() => sendAll(files));
    }

    async function sendAll(files) {
      let cancelled = false;
      const rows = fileRows(zone.list(), files, () => (cancelled = true));
      const [keys, refused, places] = [[], [], []];
      for (const [place, file] of files.entries()) {
        if (cancelled) break;
        rows.tell(place, "sending …", "now");
        const result = await sent(file, zone.limit());
        if (result.key) {
          keys.push(result.key);
          places.push(place);
        } else refused.push([file.name, result.error]);
        if (result.key) rows.tell(place, "sent");
        else rows.tell(place, `skipped: ${result.error}`, "skipped");
      }
      rows.sent();
      let now = -1;
      reading = (name) => {
        const next = places.findIndex((place, i) => i > now && files[place].name === name);
        if (next < 0) return;
        places.slice(Math.max(0, now), next).forEach((place) => rows.tell(place, "read", "read"));
        now = next;
        rows.tell(places[now], "reading …", "now");
      };
      if (cancelled) say("Cancelled: nothing was added.");
      else await actions.add({ keys, refused });
      reading = () => {};
      rows.clear();
    }
  }

  // --- documents ---------------------------------------------------------------------------------------------------

  // What the server does with the documents, in every open page: started here, in another tab, or before a reload.
  function report(part) {
    const { element, server } = part;
    const shown = { version: null, job: "" };

    async function followed(job) {
      if (shown.job === job) return;
      shown.job = job;
      await follow(server, job, (html) => {
        put(part, html, () => reading(element.querySelector("[data-now]")?.dataset.now));
      });
      shown.job = "";
      await lists();
    }

    async function lists() {
      const state = await called(() => server.state({}));
      if (state) shown.version = state.version;
      await Promise.all([listAgain(), healthAgain()]);
    }

    // Sent once: the server may have begun although its answer is lost.
    async function begin(call) {
      const result = await called(call, 1);
      if (result?.job) await followed(result.job);
      else put(part, result?.card ?? goneCard());
    }

    actions.add = (what) => begin(() => server.add(what));
    actions.remove = (what) => begin(() => server.remove(what));
    actions.undo = (what) => begin(() => server.undo(what));
    actions.cancel = (what, button) => answered(button, () => server.cancel(what));
    actions.read = (what) => begin(() => server.refresh(what));
    actions.mend = (what) => begin(() => server.repair(what));
    buttons(part);

    ready.then(async () => {
      for (;;) {
        const watched = !document.hidden && document.documentElement.dataset.part === "documents";
        const state = (watched || shown.version === null) && !shown.job && (await called(() => server.state({}), 1));
        if (state && state.job) followed(state.job);
        else if (state && state.version !== shown.version) await lists();
        await pause(STATE_SECONDS);
      }
    });
  }

  function documents(part) {
    const { element, props, server } = part;
    const wanted = { query: "", facet: "", page: 0, sort: "", descending: false };
    const picked = new Set(); // ids that are ticked, on any page of the list
    const latest = lastOnly();

    async function list(change) {
      Object.assign(wanted, change);
      const result = await latest(element, () => server.listed({ ...wanted }));
      if (result) put(part, result.html, tick);
    }

    // Ticks what was ticked before the list came, and says how many are.
    function tick() {
      for (const box of element.querySelectorAll("[data-pick]")) box.checked = picked.has(box.dataset.pick);
      const bar = element.querySelector(".pc-several");
      if (!bar) return;
      bar.hidden = picked.size === 0;
      bar.querySelector(".pc-picked").textContent = `${picked.size} chosen`;
    }

    element.addEventListener("change", (event) => {
      const { pick } = event.target.dataset;
      if (pick === undefined) return;
      if (event.target.checked) picked.add(pick);
      else picked.delete(pick);
      tick();
    });
    actions.several = async ({ several }) => {
      const ids = [...picked];
      if (several === "ask" && ids.length > MAX_ASKED) return say(`Choose at most ${MAX_ASKED} documents.`);
      if (several === "ask") return window.pincite.askOnly(ids);
      picked.clear();
      tick();
      if (several === "remove") await actions.remove({ remove: ids });
    };
    actions.page = list;
    actions.sort = ({ sort, descending }) => list({ sort, descending, page: 0 });
    actions.facet = ({ facet }) => list({ facet, page: 0 });
    listAgain = () => list({});
    document.addEventListener("input", (event) => {
      if (event.target.closest("#pc-find")) list({ query: event.target.value, page: 0 });
    });
    buttons(part);
  }

  function preview(part) {
    const { element, props, server } = part;
    const latest = lastOnly();
    actions.close = () => (props.value = "");
    actions.open = async ({ open }, button) => {
      const result = await latest(button, () => server.opened({ open }));
      if (!result) return;
      put(part, result.html, () => element.querySelector("h2")?.focus());
    };
    const removed = actions.remove;
    if (removed) {
      actions.remove = async (what, button) => {
        await removed(what, button);
        props.value = "";
      };
    }
    buttons(part);
  }

  function health(part) {
    const { element, props, server } = part;

    async function show(what) {
      const result = await answered(element, () => server.health(what));
      if (result) put(part, result.html);
    }

    actions.check = show;
    healthAgain = () => show({});
    buttons(part);
  }

  // --- files of questions ------------------------------------------------------------------------------------------

  // Gives the content of a file in base64.
  const content = (file) => new Promise((then, failed) => {
    const reader = new FileReader();
    reader.onload = () => then(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = failed;
    reader.readAsDataURL(file);
  });

  function questionFile({ element }) {
    const zone = dropZone(element, ([file]) => take(file));
    const take = (file) => {
      const part = element.closest(".pc-part").querySelector("#pc-batch, #pc-verdict, #pc-proof");
      part.dispatchEvent(new CustomEvent("questions", { detail: { file, limit: zone.limit() } }));
    };
    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-paste]");
      if (!button) return;
      take(new File([element.querySelector("textarea").value], button.dataset.paste || "pasted questions.txt"));
    });
  }

  function batch(part, then) {
    const { element, props, server } = part;
    const host = element.closest("#pc-batch, #pc-verdict, #pc-proof") ?? element;
    host.addEventListener("questions", async ({ detail: { file, limit } }) => {
      if (file.size > limit) return answered(element, async () => ({ error: `The file is larger than ${limit / 1e6} MB.` }));
      const what = { name: file.name, content: await content(file).catch(() => null), choice: window.pincite.choice.get() };
      const result = await called(() => server.start(what), 1); // sent twice, it would be answered twice
      if (result?.job) await follow(server, result.job, (html) => put(part, html, then));
      else put(part, result?.card ?? goneCard());
    });
    buttons(part);
    element.addEventListener("click", async (event) => {
      const button = event.target.closest("[data-save]");
      if (!button) return;
      const [id, form] = button.dataset.save.split("/");
      const result = await answered(button, () => server.download({ id, form }));
      if (result) save(result.name, result.text, result.type);
    });
  }

  return { firstFiles, upload, report, documents, preview, health, questionFile, batch, sure };
})());
