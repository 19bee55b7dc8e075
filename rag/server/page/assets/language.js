// The language of the page: that of the browser, or the one that was chosen. Words of documents are never touched.

Object.assign(window.pincite, (() => {
  const CHOSEN = "pincite-language";
  const ATTRIBUTES = ["aria-label", "title", "placeholder"];
  const FOREIGN = "bdi:not([translate=yes]), q, cite, blockquote, mark, code, textarea, script, style, [translate=no], .pc-quote, .pc-paper"
    + ", .pc-examples button, .pc-earlier li, .pc-open, .pc-outline li, .pc-trouble, .pc-report, #pc-live";

  const chosen = () => {
    try {
      return localStorage.getItem(CHOSEN);
    } catch {
      return null;
    }
  };
  const own = navigator.language.split("-")[0];
  const language = chosen() ?? (own in window.pinciteTexts ? own : "en");
  const texts = window.pinciteTexts[language] ?? {};
  document.documentElement.lang = language;

  const escape = (words) => words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const withGaps = Object.keys(texts).filter((english) => english.includes("{}"));
  withGaps.sort((one, other) => other.length - one.length); // a short one fits parts of longer texts
  const patterns = withGaps.map((english) => [
    new RegExp(`^${english.split("{}").map(escape).join("(.*?)")}$`, "s"), texts[english],
  ]);

  // Figures as they are written in the language: 12.345 and 83 %.
  const figures = (words) => words
    .replace(/\d{1,3}(?:,\d{3})+/g, (number) => number.replaceAll(",", "."))
    .replace(/(\d)%/g, "$1\u00a0%");

  // The words in the language of the page; unknown ones as they are.
  function translated(english) {
    const words = english.trim();
    if (!words || language === "en") return english;
    const [before, after] = english.split(words);
    if (words in texts) return before + texts[words] + after;
    const several = /^\d/.test(words) ? words.split(", ") : [];
    if (several.length > 1 && several.every((part) => translated(part) !== part))
      return before + several.map(translated).join(", ") + after;
    if (/^[\d,.%\s–-]+$/.test(words)) return before + figures(words) + after;
    for (const [pattern, text] of patterns) {
      const match = pattern.exec(words);
      if (!match) continue;
      let i = 0;
      return before + text.replaceAll("{}", () => figures(match[++i])) + after;
    }
    return english;
  }

  function translate(node) {
    if (node.nodeType === Node.TEXT_NODE) {
      if (node.parentElement?.closest(FOREIGN)) return;
      const words = translated(node.data);
      if (words !== node.data) node.data = words;
      return;
    }
    if (node.nodeType !== Node.ELEMENT_NODE || node.matches("script, style")) return;
    translateAttributes(node);
    for (const child of node.childNodes) translate(child);
  }

  function translateAttributes(node) {
    for (const name of ATTRIBUTES) {
      const english = node.getAttribute(name);
      if (english && translated(english) !== english) node.setAttribute(name, translated(english));
    }
  }

  if (language !== "en") {
    translate(document.body);
    new MutationObserver((changes) => {
      for (const { type, target, addedNodes } of changes) {
        if (type === "characterData") translate(target);
        else if (type === "attributes") translateAttributes(target);
        else addedNodes.forEach(translate);
      }
    }).observe(document.body, {
      subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ATTRIBUTES,
    });
  }

  // The links to the languages are buttons, each in its own language; the page is loaded again in the one chosen.
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-language]");
    if (!button) return;
    try {
      localStorage.setItem(CHOSEN, button.dataset.language);
    } catch {
      // Without storage the language is that of the browser.
    }
    location.reload();
  });

  return { translated, language };
})());
