// Watched questions in the browser: the list, what changed, and the badge that counts changes nobody has looked at.

Object.assign(window.pincite, (() => {
  const { ready, say, put, called, answered, sure, language, pause } = window.pincite;
  const SEEN = `pincite-watched-seen${location.pathname.match(/^\/c\/[^/]+\//)?.[0] ?? ""}`;
  const WATCH_SECONDS = 10;

  let newest = ""; // time of the latest alarm
  const stored = () => {
    try {
      return localStorage.getItem(SEEN) ?? "";
    } catch {
      return "";
    }
  };
  function store(time) {
    try {
      localStorage.setItem(SEEN, time);
    } catch {
      // Without storage the badge counts all changes.
    }
  }

  const isShown = () => document.documentElement.dataset.part === "watch";

  // Shows beside the link to this part how many changes nobody has looked at.
  function badge(count) {
    const link = document.querySelector('.pc-parts a[href="#watch"]');
    if (!link) return;
    let sign = link.querySelector(".pc-badge");
    if (!count) return sign?.remove();
    if (!sign) {
      sign = document.createElement("span");
      sign.className = "pc-badge";
      link.append(" ", sign);
    }
    if (sign.textContent === String(count)) return;
    sign.textContent = String(count);
    sign.title = count === 1 ? "1 change" : `${count} changes`;
    say(count === 1 ? "1 watched answer has changed" : `${count} watched answers have changed`);
  }

  let tell = async () => {}; // looks for changes now

  function watched(part) {
    const { element, props, server } = part;
    let listed = null; // what the list was made for
    const before = stored(); // changes later than this are new in this sitting

    function dress() {
      for (const time of element.querySelectorAll("time[datetime]")) {
        const date = new Date(time.dateTime);
        if (!isNaN(date)) time.textContent = date.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
      }
      for (const item of element.querySelectorAll("[data-alarm]")) item.classList.toggle("pc-new", item.dataset.alarm > before);
    }

    function show(html) {
      put(part, html, dress);
    }

    tell = async () => {
      const news = await called(() => server.alarms({}), 1);
      if (!news?.alarms) return;
      newest = news.alarms.at(-1) ?? "";
      if (isShown() && newest > stored()) store(newest);
      badge(news.alarms.filter((time) => time > stored()).length);
      if (!isShown() || listed === news.checked) return;
      const result = await called(() => server.listed({}), 1);
      if (!result) return;
      show(result.html ?? result.card);
      if (result.html) listed = news.checked;
    };

    element.addEventListener("click", async (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.dataset.check !== undefined) {
        button.disabled = true;
        const result = await answered(button, () => server.check({}), 1);
        button.disabled = false;
        if (!result) return;
        show(result.html);
        say(result.words);
        await tell();
      }
      if (button.dataset.unwatch && sure(button)) {
        const result = await answered(button, () => server.unwatch({ unwatch: button.dataset.unwatch }), 1);
        if (result) show(result.html);
      }
    });

    for (const name of ["hashchange", "popstate", "click"])
      addEventListener(name, () => isShown() && listed === null && tell());
    ready.then(async () => {
      for (;;) {
        if (!document.hidden) await tell();
        await pause(WATCH_SECONDS);
      }
    });
  }

  return { watched, tellWatched: () => tell() };
})());
