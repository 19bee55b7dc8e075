// Documents, batches and evaluations in the browser: files to send, lists to choose from, downloads.

Object.assign(window.pincite, (() => {
  const { ready, say, put, save, called, answered, goneCard, follow, pause } = window.pincite;
  const SURE_SECONDS = 6;
  const STATE_SECONDS = 3;

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

  // Calls `take` with the files that are dropped into a box or chosen in its dialog.
  function dropZone(element, take) {
    const zone = () => element.querySelector(".pc-drop");
    element.addEventListener("change", (event) => {
      const files = [...(event.target.files ?? [])];
      if (!files.length) return;
      event.target.value = "";
      take(files);
    });
    for (const name of ["dragover", "dragleave", "drop"]) {
      element.addEventListener(name, (event) => {
        event.preventDefault();
        zone()?.classList.toggle("pc-over", name === "dragover");
        if (name === "drop" && zone() && event.dataTransfer.files.length) take([...event.dataTransfer.files]);
      });
    }
    return {
      limit: () => Number(zone().dataset.limit) * 1e6,
      // Shows a row for each file; gives a function that changes what one of them says.
      rows(files) {
        const list = zone().querySelector(".pc-sending");
        const states = files.map((file) => {
          const [item, name, state] = ["li", "bdi", "span"].map((tag) => document.createElement(tag));
          name.textContent = file.name;
          state.textContent = "waiting";
          item.append(name, " ", state);
          list.append(item);
          return state;
        });
        return { tell: (place, words) => (states[place].textContent = words), clear: () => list.replaceChildren() };
      },
    };
  }

  // Sends one file; gives {key} or {error}.
  async function sent(file, limit) {
    if (file.size > limit) return { error: `The file is larger than ${limit / 1e6} MB.` };
    const headers = { "x-file-name": encodeURIComponent(file.name), "content-type": "application/octet-stream" };
    const post = async () => (await fetch("/pincite/files", { method: "POST", headers, body: file })).json();
    return (await called(post)) ?? { error: "The file could not be sent. Is the server still running?" };
  }

  let sendFiles = null; // sends files and adds them, with a row for each under Documents

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
      const rows = zone.rows(files);
      const [keys, refused] = [[], []];
      for (const [place, file] of files.entries()) {
        rows.tell(place, "sending …");
        const result = await sent(file, zone.limit());
        if (result.key) keys.push(result.key);
        else refused.push([file.name, result.error]);
        rows.tell(place, result.key ? "sent" : `skipped: ${result.error}`);
      }
      await actions.add({ keys, refused });
      rows.clear();
    }
  }

  // --- documents ---------------------------------------------------------------------------------------------------

  // What the server does with the documents, in every open page: started here, in another tab, or before a reload.
  function report(part) {
    const { server } = part;
    const shown = { version: null, job: "" };

    async function followed(job) {
      if (shown.job === job) return;
      shown.job = job;
      await follow(server, job, (html) => put(part, html));
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
    const wanted = { query: "", facet: "", page: 0 };
    const latest = lastOnly();

    async function list(change) {
      Object.assign(wanted, change);
      const result = await latest(element, () => server.listed({ ...wanted }));
      if (result) put(part, result.html);
    }

    actions.page = list;
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
      const part = element.closest(".pc-part").querySelector("#pc-batch, #pc-verdict");
      part.dispatchEvent(new CustomEvent("questions", { detail: { file, limit: zone.limit() } }));
    };
    element.addEventListener("click", (event) => {
      if (!event.target.closest("[data-paste]")) return;
      take(new File([element.querySelector("textarea").value], "pasted questions.txt"));
    });
  }

  function batch(part) {
    const { element, props, server } = part;
    const host = element.closest("#pc-batch, #pc-verdict") ?? element;
    host.addEventListener("questions", async ({ detail: { file, limit } }) => {
      if (file.size > limit) return answered(element, async () => ({ error: `The file is larger than ${limit / 1e6} MB.` }));
      const what = { name: file.name, content: await content(file).catch(() => null) };
      const result = await called(() => server.start(what), 1); // sent twice, it would be answered twice
      if (result?.job) await follow(server, result.job, (html) => put(part, html));
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

  return { firstFiles, upload, report, documents, preview, health, questionFile, batch };
})());
