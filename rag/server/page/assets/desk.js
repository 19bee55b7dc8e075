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

  // What is answered by a call and not by an event: a click that falls where Gradio ends its stream of events is lost.
  const called = {};
  let listAgain = null;

  // Answers may come in another order than they were asked for: only that of the last call is given, else null.
  function lastOnly() {
    let last = 0;
    return async (near, call) => {
      const number = ++last;
      const found = await answered(near, call);
      return number === last ? found : null;
    };
  }

  // A part whose buttons carry in `data-do` what is asked.
  function desk({ element, trigger, watch }) {
    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (!button || (button.dataset.sure && !sure(button))) return;
      const what = JSON.parse(button.dataset.do);
      const call = Object.keys(what).map((name) => called[name]).find(Boolean);
      if (call) call(what, button);
      else trigger("select", what);
    });
    watch("value", () => announce(element));
  }

  function documents(given) {
    const { element, props, server } = given;
    const wanted = { query: "", facet: "", page: 0 };
    const latest = lastOnly();

    async function list(change) {
      Object.assign(wanted, change);
      const found = await latest(element, server.listed({ ...wanted }));
      if (found) props.value = found.html;
    }

    called.page = list;
    called.facet = ({ facet }) => list({ facet, page: 0 });
    listAgain = () => list({});
    document.addEventListener("input", (event) => {
      if (event.target.closest("#pc-find")) list({ query: event.target.value, page: 0 });
    });
    desk(given);
    if (document.querySelector("#pc-health [data-do]")) listAgain();
  }

  function preview(given) {
    const { element, props, server } = given;
    const latest = lastOnly();
    called.close = () => (props.value = "");
    called.open = async ({ open }, button) => {
      const found = await latest(button, server.opened({ open }));
      if (!found) return;
      props.value = found.html;
      requestAnimationFrame(() => requestAnimationFrame(() => {
        announce(element);
        element.querySelector("h2")?.focus();
      }));
    };
    desk(given);
  }

  // It is shown anew after every write.
  function health(given) {
    desk(given);
    given.watch("value", () => listAgain?.());
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

  return { desk, documents, preview, health, batch };
})());
