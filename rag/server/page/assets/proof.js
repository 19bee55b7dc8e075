// Proofreading in the browser: a draft is handed in, its statements are shown beside their sources.

Object.assign(window.pincite, (() => {
  const { say, calm, batch } = window.pincite;

  function proof(part) {
    const { element } = part;
    // Once there is a report, the box gives way to it.
    batch(part, () => {
      const report = element.querySelector(".pc-proof-report");
      if (!report) return;
      document.querySelector("#pc-draft details").open = false;
      report.querySelector("h2").focus({ preventScroll: true });
      scrollTo({ top: 0, behavior: "instant" });
    });

    const finding = (number) => element.querySelector(`.pc-finding[data-numbers~="${number}"]`);
    const stated = (number) => element.querySelector(`[data-stated="${number}"]`);

    function flash(thing) {
      thing.classList.remove("pc-flash");
      void thing.offsetWidth; // restarts the animation
      thing.classList.add("pc-flash");
    }

    function toFinding(number) {
      const target = finding(number);
      if (!target || target.hidden) return;
      target.focus({ preventScroll: true });
      target.scrollIntoView({ block: "nearest", behavior: calm() ? "instant" : "smooth" });
      flash(target);
    }

    // Shows the findings of one status alone; the draft keeps the marks of all.
    function filter(status, button) {
      for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
      let count = 0;
      for (const one of element.querySelectorAll(".pc-finding")) {
        one.hidden = Boolean(status) && one.dataset.status !== status;
        if (!one.hidden) count++;
      }
      for (const row of element.querySelectorAll(".pc-proof-row"))
        row.hidden = Boolean(status) && !row.querySelector(".pc-finding:not([hidden])");
      say(count === 1 ? "1 finding shown" : `${count} findings shown`);
    }

    element.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button?.dataset.status !== undefined) filter(button.dataset.status, button);
      if (button?.dataset.finding) toFinding(button.dataset.finding);
      const mark = !button && event.target.closest("[data-stated]");
      if (mark && getSelection().isCollapsed) toFinding(mark.dataset.stated);
    });

    // The words of the draft and their finding light up together.
    function light(event, on) {
      const card = event.target.closest?.(".pc-finding");
      const number = event.target.closest?.("[data-stated]")?.dataset.stated;
      const numbers = card ? card.dataset.numbers.split(" ") : number ? [number] : [];
      for (const one of numbers.flatMap((each) => [finding(each), stated(each)])) one?.classList.toggle("pc-lit", on);
    }
    for (const [name, on] of [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]])
      element.addEventListener(name, (event) => light(event, on));
  }

  return { proof };
})());
