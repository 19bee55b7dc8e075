// Documents, batches and evaluations in the browser: lists to choose from, removals that are asked twice, downloads.

Object.assign(window.pincite, (() => {
  const { say, announce, save, answered } = window.pincite;
  const SURE_SECONDS = 6;

  // A button that is asked twice: the first click arms it for some seconds.
  function sure(button) {
    if (button.dataset.armed) return true;
    const words = button.textContent;
    button.dataset.armed = "yes";
    button.textContent = "Really?";
    say(`${words}: really? Press again.`);
    setTimeout(() => {
      delete button.dataset.armed;
      button.textContent = words;
    }, SURE_SECONDS * 1000);
    return false;
  }

  // A part whose buttons carry in `data-do` what is asked of the server.
  function desk({ element, trigger, watch }) {
    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (!button || (button.dataset.sure && !sure(button))) return;
      trigger("select", JSON.parse(button.dataset.do));
    });
    watch("value", () => {
      announce(element);
      element.querySelector("[data-focus]")?.focus();
    });
  }

  function batch(given) {
    const { element, server } = given;
    desk(given);
    element.addEventListener("click", async (event) => {
      const button = event.target.closest("[data-save]");
      if (!button) return;
      const [id, form] = button.dataset.save.split("/");
      const found = await answered(button, server.download({ id, form }));
      if (found) save(found.name, found.text, found.type);
    });
  }

  return { desk, batch };
})());
