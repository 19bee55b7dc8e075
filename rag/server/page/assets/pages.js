// The pages of a PDF in the source view: tabs "Page" and "Text", zoom, and the way to the quotation.

Object.assign(window.pincite, (() => {
  const { say, called } = window.pincite;
  const ZOOMS = [0.5, 0.75, 1, 1.25, 1.5, 2, 3];
  const NARROW = 480; // pixels; a page as wide as this cannot be read
  const GONE = "Pincite is not answering. Is `rag serve` still running?";

  let preferred = "page"; // the tab that was chosen last

  // What the source view does with pages; `text` is called when the text comes into view.
  function sheets(element, server, text) {
    let zoom = 1;

    const tab = (name) => element.querySelector(`[data-tab="${name}"]`);
    const panel = () => element.querySelector("[data-pages]");
    const region = () => element.querySelector(".pc-sheets");
    const isText = () => !panel() || panel().hidden;

    function select(name) {
      for (const one of element.querySelectorAll("[data-tab]")) {
        const selected = one.dataset.tab === name;
        one.setAttribute("aria-selected", String(selected));
        one.tabIndex = selected ? 0 : -1;
        element.querySelector(`#${one.getAttribute("aria-controls")}`).hidden = !selected;
      }
      if (name === "text") text();
      else toQuotation();
    }

    function toQuotation() {
      const place = element.querySelector(".pc-box") ?? element.querySelector("[data-cited]");
      if (!place || !region()) return;
      const [inner, outer] = [place.getBoundingClientRect(), region().getBoundingClientRect()];
      region().scrollTop += inner.top - outer.top - region().clientHeight / 3;
      region().scrollLeft += inner.left - outer.left - Math.max(16, (region().clientWidth - inner.width) / 2);
    }

    // Shows the text, and says why there is no picture.
    function without(reason) {
      const note = element.querySelector(".pc-no-page");
      if (!note) return;
      note.textContent = `The page cannot be shown: ${reason}`;
      note.hidden = false;
      tab("page").disabled = true;
      select("text");
      say(note.textContent);
    }

    async function opened() {
      const mine = panel();
      if (!mine) return;
      if (preferred === "text") select("text");
      const { of: response, pages: address } = mine.dataset;
      const result = (await called(() => server.pages({ response, address }))) ?? { error: GONE };
      if (panel() !== mine) return; // another source is open
      if (result.error) return without(result.error);
      mine.innerHTML = result.html;
      setZoom(region().clientWidth < NARROW ? 1.5 : 1);
      toQuotation();
    }

    function setZoom(next) {
      zoom = next;
      region().style.setProperty("--zoom", String(zoom));
      element.querySelector(".pc-zoom").textContent = `${Math.round(zoom * 100)}%`;
    }

    // Keeps what is in the middle where it is.
    function magnify(by) {
      const next = ZOOMS[ZOOMS.indexOf(zoom) + by];
      if (!next || !region()) return;
      const sides = [["scrollLeft", "clientWidth", "scrollWidth"], ["scrollTop", "clientHeight", "scrollHeight"]];
      const middles = sides.map(([at, shown, all]) => (region()[at] + region()[shown] / 2) / region()[all]);
      setZoom(next);
      sides.forEach(([at, shown, all], i) => (region()[at] = middles[i] * region()[all] - region()[shown] / 2));
      say(`Zoom ${Math.round(zoom * 100)}%`);
    }

    element.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.dataset.tab) {
        preferred = button.dataset.tab;
        select(preferred);
      }
      if (button.dataset.sheet) toQuotation();
      if (button.dataset.zoom) magnify(button.dataset.zoom === "in" ? 1 : -1);
    });

    element.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const name = event.target.dataset?.tab;
      if (name && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
        const other = tab(name === "page" ? "text" : "page");
        if (!other.disabled) {
          other.focus();
          other.click();
        }
      }
      if (isText() || !event.target.closest?.("[data-pages]")) return;
      if (event.key === "+" || event.key === "=") magnify(1);
      if (event.key === "-") magnify(-1);
    });

    // The event of a picture that cannot be had does not bubble.
    element.addEventListener("error", async (event) => {
      const picture = event.target;
      const sheet = picture.closest?.(".pc-sheet");
      if (!sheet) return;
      const problem = await fetch(picture.currentSrc || picture.src).then((answer) => answer.json()).catch(() => null);
      const reason = problem?.detail ? `${problem.detail} ${problem.remedy}`.trim() : GONE;
      if (!sheet.isConnected) return;
      if (sheet.matches("[data-cited]")) return without(reason);
      const note = document.createElement("p");
      note.className = "pc-note";
      note.textContent = reason;
      picture.replaceWith(note);
    }, true);

    return { opened, isText };
  }

  return { sheets };
})());
