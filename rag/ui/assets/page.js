// What the page does in the browser: it scrolls to quotations, copies them, and says aloud what has changed.
// Answers and sources come from the server as finished HTML; nothing here makes HTML from text.

window.pincite = (() => {
  const live = document.createElement("div");
  live.id = "pc-live";
  live.className = "pc-hidden";
  live.setAttribute("role", "status");
  live.setAttribute("aria-live", "polite");
  document.body.append(live);

  let opener = null; // the button that opened the source, to give the focus back to

  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  function announce(root) {
    live.textContent = root.querySelector("[data-announce]")?.dataset.announce ?? "";
  }

  function examples(element, trigger) {
    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-question]");
      if (button) trigger("select", { question: button.dataset.question });
    });
  }

  function answers(element, trigger, props, watch) {
    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-show]");
      if (!button) return;
      opener = button;
      trigger("select", { address: button.dataset.show });
    });
    watch("value", () => announce(element));
  }

  function source(element, trigger, props, watch) {
    const close = () => {
      if (!props.value) return;
      props.value = "";
      opener?.focus();
    };
    element.addEventListener("click", (event) => {
      if (event.target.closest("[data-close]")) close();
      if (event.target.closest("[data-scroll]")) toQuotation(element);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
    });
    watch("value", () => {
      if (!props.value) return;
      announce(element);
      // The panes are laid out anew first.
      requestAnimationFrame(() => {
        element.querySelector("h2")?.focus({ preventScroll: true });
        element.scrollIntoView({ block: "nearest", behavior: calm() ? "auto" : "smooth" });
        toQuotation(element);
      });
    });
  }

  function toQuotation(element) {
    const here = element.querySelector(".pc-here");
    const text = element.querySelector(".pc-text");
    if (!here || !text) return;
    const above = here.getBoundingClientRect().top - text.getBoundingClientRect().top;
    text.scrollTop += above - text.clientHeight / 4;
    here.classList.remove("pc-flash");
    void here.offsetWidth; // restarts the animation
    here.classList.add("pc-flash");
  }

  async function copy(button) {
    const text = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Outside https and localhost there is no clipboard object.
      const field = document.createElement("textarea");
      field.value = text;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
      button.focus();
    }
    const words = button.textContent;
    button.textContent = live.textContent = "Copied";
    setTimeout(() => (button.textContent = words), 1500);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (button && button.textContent !== "Copied") copy(button);
  });

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    document.querySelector("#pc-question textarea, #pc-question input")?.focus();
  });

  return { examples, answers, source };
})();
