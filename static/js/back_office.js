"use strict";

// The boxes that Select2 puts in place of a select have no name of their own: give them the select's, for screen readers.
(() => {
  const name = (select) => {
    const box = select.parentElement.querySelector(".select2-selection");
    const label = select.getAttribute("aria-label") || document.querySelector(`label[for="${select.id}"]`)?.textContent.trim();
    if (box && label) {
      box.removeAttribute("aria-labelledby");
      box.setAttribute("aria-label", `${label}: ${box.textContent.replace("×", "").trim() || "nothing chosen"}`);
      box.querySelector(".select2-selection__rendered")?.setAttribute("aria-label", label);
      box.querySelector(".select2-search__field")?.setAttribute("aria-label", label);
    }
  };
  const nameAll = () => document.querySelectorAll("select.select2-hidden-accessible").forEach(name);
  document.addEventListener("DOMContentLoaded", () => {
    nameAll();
    new MutationObserver(nameAll).observe(document.body, { childList: true, subtree: true });
  });
})();
