// The source of a quotation: its marks, its outline, words to find in it, and the rest of a long text.

Object.assign(window.pincite, (() => {
  const { say, announce, calm, typing, called, answered } = window.pincite;
  const NEAR_PIXELS = 800; // from here on the next part of a long text is loaded
  const MAX_SEARCHED = 3_000_000; // characters of a text that are loaded to be searched
  const HIGHLIGHT = "pc-find";

  const panes = []; // one in each part of the page that shows sources
  const paneOf = (button) => panes.find(({ part }) => part.contains(button)) ?? panes[0];

  function source({ element, props, server }) {
    const part = element.closest(".pc-part");
    const isShown = () => props.value && part.offsetParent !== null;
    const pages = window.pincite.sheets(element, server, () => {
      go(current ?? here());
      drawMap();
    });
    let current = null; // the mark that was gone to last
    let opener = null; // the button that opened the source, to give the focus back to
    let scrolled = 0; // where the page was then
    let origin = null; // response and address of the citation

    const text = () => element.querySelector(".pc-text");
    const here = () => element.querySelector(".pc-text .pc-here");

    function select(button, opened) {
      button?.setAttribute("aria-expanded", String(opened));
      button?.closest("article, li, .pc-card")?.classList.toggle("pc-opened", opened);
    }

    function close() {
      if (!props.value) return;
      select(opener, false);
      CSS.highlights?.delete(HIGHLIGHT);
      props.value = "";
    }

    function leave() {
      if (!props.value) return;
      close();
      opener?.focus({ preventScroll: true });
      scrollTo({ top: scrolled, behavior: "instant" });
    }

    // Shows the source of a citation that a button names; sources in other parts are closed, as their ids are the same.
    async function open(button, named) {
      const given = await answered(button, () => server.show(named));
      if (!given) return;
      panes.forEach((other) => other !== pane && other.close());
      present(given.html, button, named);
    }

    function present(html, button, named) {
      if (!props.value) scrolled = scrollY;
      select(opener, false);
      [opener, origin, current, matches] = [button, named, null, []];
      select(button, true);
      props.value = html;
      // It is there, and the panes are laid out, after the next frame.
      requestAnimationFrame(() => requestAnimationFrame(() => {
        announce(element);
        element.querySelector("h2")?.focus({ preventScroll: true });
        // Beside the answers it is on the screen already.
        if (!matchMedia("(min-width: 68rem)").matches)
          element.scrollIntoView({ block: "start", behavior: calm() ? "instant" : "smooth" });
        go(here());
        drawMap();
        text()?.addEventListener("scroll", loadNear, { passive: true });
        pages.opened();
      }));
    }
    const pane = { part, open, close };
    panes.push(pane);

    // A button with `data-cited` opens the source of the citation that it names by its words.
    part.addEventListener("click", (event) => {
      const button = event.target.closest("[data-cited]:is(button)");
      if (button) open(button, { response: "", address: button.dataset.cited });
    });

    // --- marks -----------------------------------------------------------------------------------------------------

    // A mark that is split at the edge of another is one mark: its first piece stands for it.
    const first = (mark, place, all) => all.findIndex((other) => other.dataset.mark === mark.dataset.mark) === place;
    const marks = () => [...element.querySelectorAll(".pc-text :is(.pc-here, .pc-other)")].filter(first);

    // The distance of something in the text from the top of all of it.
    const depth = (thing) => thing.getBoundingClientRect().top - text().getBoundingClientRect().top + text().scrollTop;

    function go(mark) {
      if (!mark || !text()) return;
      current = mark;
      text().scrollTop = depth(mark) - text().clientHeight / 4;
      mark.scrollIntoView({ block: "nearest", behavior: "instant" }); // the text itself may end below the screen
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

    // Shows beside the scroll bar where in the text the marks and the words that were found stand.
    function drawMap() {
      const map = element.querySelector(".pc-map");
      if (!map || !text()?.scrollHeight) return;
      const tick = (top, kind) => {
        const line = document.createElement("span");
        line.className = `pc-tick pc-tick-${kind}`;
        line.style.top = `${Math.min(99, (100 * top) / text().scrollHeight)}%`;
        return line;
      };
      const found = matches.map((range) => tick(depth(range), "find"));
      const marked = marks().map((mark) => tick(depth(mark), mark.matches(".pc-here") ? "here" : "other"));
      map.replaceChildren(...found, ...marked);
    }
    addEventListener("resize", drawMap);

    // --- the rest of a long text -----------------------------------------------------------------------------------

    const rest = (side) => element.querySelector(`[data-rest="${side}"]`);

    // Loads the next part before or after the text that is shown, or all as far as `target`.
    async function load(side, target = null) {
      const button = rest(side);
      if (!button || button.disabled) return false;
      button.disabled = true;
      const { from, to } = button.dataset;
      const what = { ...origin, side, start: Number(from), end: Number(to), target };
      const result = await answered(button, () => server.more(what));
      button.disabled = false;
      if (!result || !button.isConnected) return false;
      const region = text();
      const [top, height] = [region.scrollTop, region.scrollHeight];
      region.insertAdjacentHTML(side === "before" ? "afterbegin" : "beforeend", result.html);
      button.outerHTML = result.rest;
      if (side === "before") region.scrollTop = top + region.scrollHeight - height;
      drawMap();
      return true;
    }

    function loadNear() {
      const region = text();
      if (rest("before") && region.scrollTop < NEAR_PIXELS) load("before");
      if (rest("after") && region.scrollTop + region.clientHeight > region.scrollHeight - NEAR_PIXELS) load("after");
    }

    // --- outline ---------------------------------------------------------------------------------------------------

    async function toHeading(at) {
      const anchor = () => element.querySelector(`.pc-text [data-at="${at}"]`);
      for (const side of ["before", "after"]) {
        const { from, to } = rest(side)?.dataset ?? {};
        if (!anchor() && from !== undefined && at >= Number(from) && at < Number(to)) await load(side, at);
      }
      if (!anchor()) return;
      go(anchor());
      current = null;
      text().focus({ preventScroll: true });
      say(anchor().textContent);
    }

    // --- words to find ---------------------------------------------------------------------------------------------

    let matches = [];
    let shownMatch = 0;

    function ranges(words) {
      const walker = document.createTreeWalker(text(), NodeFilter.SHOW_TEXT);
      const nodes = [];
      let all = "";
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        nodes.push([all.length, node]);
        all += node.data;
      }
      const pattern = words.trim().replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\s+/g, "\\s+");
      const place = (offset) => {
        let at = nodes.findLastIndex(([start]) => start <= offset);
        return [nodes[at][1], offset - nodes[at][0]];
      };
      return [...all.matchAll(new RegExp(pattern, "giu"))].slice(0, 1000).map((match) => {
        const range = document.createRange();
        range.setStart(...place(match.index));
        const [node, offset] = place(match.index + match[0].length - 1);
        range.setEnd(node, offset + 1);
        return range;
      });
    }

    async function find(words) {
      if (words.trim().length > 1 && (rest("before") || rest("after"))) await loadAll();
      matches = words.trim().length > 1 && text() ? ranges(words) : [];
      shownMatch = 0;
      if (matches.length) CSS.highlights?.set(HIGHLIGHT, new Highlight(...matches));
      else CSS.highlights?.delete(HIGHLIGHT);
      drawMap();
      showMatch(0);
    }

    async function loadAll() {
      const { from = 0 } = rest("before")?.dataset ?? {};
      const { to = 0 } = rest("after")?.dataset ?? {};
      for (const [side, target] of [["before", Number(from)], ["after", Math.min(Number(to), MAX_SEARCHED)]])
        if (rest(side)) await load(side, target);
    }

    function showMatch(by) {
      const count = element.querySelector(".pc-found");
      if (!count) return;
      const words = element.querySelector(".pc-find-in input").value.trim();
      if (!matches.length) return (count.textContent = words.length > 1 ? "not found" : "");
      shownMatch = (shownMatch + by + matches.length) % matches.length;
      text().scrollTop = depth(matches[shownMatch]) - text().clientHeight / 3;
      count.textContent = `${shownMatch + 1} of ${matches.length}`;
      if (CSS.highlights) CSS.highlights.set(`${HIGHLIGHT}-now`, new Highlight(matches[shownMatch]));
    }

    let typed;
    element.addEventListener("input", (event) => {
      if (!event.target.closest(".pc-find-in")) return;
      clearTimeout(typed);
      typed = setTimeout(() => find(event.target.value), 200);
    });
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.target.closest(".pc-find-in")) return;
      event.preventDefault();
      showMatch(event.shiftKey ? -1 : 1);
      say(element.querySelector(".pc-found").textContent);
    });

    element.addEventListener("click", (event) => {
      const tick = event.target.closest(".pc-map");
      if (tick) text().scrollTop = (event.offsetY / tick.clientHeight) * text().scrollHeight - text().clientHeight / 2;
      const button = event.target.closest("button");
      if (!button) return;
      const { scroll, close: closes, rest: side, goto, found, ignored } = button.dataset;
      if (closes) leave();
      if (scroll === "here") go(here());
      if (scroll === "next") step(1);
      if (scroll === "previous") step(-1);
      if (side) load(side);
      if (goto) toHeading(Number(goto));
      if (found) showMatch(found === "next" ? 1 : -1);
      if (!ignored) return;
      const hidden = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(hidden));
      element.querySelector(".pc-source").classList.toggle("pc-without", hidden);
      say(hidden ? "Ignored parts hidden" : "Ignored parts shown");
      go(current ?? here());
      drawMap();
    });
    document.addEventListener("keydown", (event) => {
      if (!isShown()) return;
      if (event.key === "Escape") leave();
      if (!pages.isText() || typing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "n") step(1);
      if (event.key === "p") step(-1);
    });
  }

  return {
    source,
    openSource: (button, named) => paneOf(button).open(button, named),
    closeSource: () => panes.forEach((pane) => pane.close()),
  };
})());
