// The floor's screens: the scan field that always listens, sounds, steppers and number pads. Everything also works as plain forms.
"use strict";
(() => {
  document.documentElement.classList.add("js");
  const BOUNCE_MS = 300; // a scanner that reads twice at one pull of the trigger
  const scanField = () => {
    const field = document.getElementById("scan") || document.querySelector("[data-scan-into]");
    return field && field.offsetParent !== null ? field : null;
  };

  // --- sounds ---
  let audio = null;
  function tone(frequency, start, length, type) {
    const oscillator = audio.createOscillator();
    const gain = audio.createGain();
    oscillator.type = type;
    oscillator.frequency.value = frequency;
    gain.gain.setValueAtTime(0.35, audio.currentTime + start);
    gain.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + start + length);
    oscillator.connect(gain).connect(audio.destination);
    oscillator.start(audio.currentTime + start);
    oscillator.stop(audio.currentTime + start + length);
  }
  const sounds = {
    right: () => { tone(880, 0, 0.09, "sine"); tone(1320, 0.09, 0.14, "sine"); },
    done: () => { tone(660, 0, 0.12, "sine"); tone(880, 0.12, 0.12, "sine"); tone(1320, 0.24, 0.3, "sine"); },
    wrong: () => { tone(160, 0, 0.25, "sawtooth"); tone(120, 0.3, 0.45, "sawtooth"); },
  };
  function play(kind) {
    if (!sounds[kind]) return;
    document.body.dataset.played = `${document.body.dataset.played || ""} ${kind}`.trim();
    if (navigator.vibrate && navigator.userActivation?.hasBeenActive) navigator.vibrate(kind === "wrong" ? [250, 100, 250] : 60);
    if (!navigator.userActivation || navigator.userActivation.hasBeenActive) {
      audio = audio || new AudioContext();
      audio.resume().then(() => sounds[kind]());
    }
  }
  const saySound = () => play(document.getElementById("screen")?.dataset.feedback);

  // --- answers on their way ---
  const quiet = ({ elt, requestConfig }) => requestConfig?.verb === "get" && elt?.id === "shipments";
  const onTheWay = new Set();
  const answered = () => Promise.all(onTheWay);
  document.addEventListener("htmx:beforeSend", ({ detail }) => {
    if (quiet(detail)) return;
    const answer = new Promise((resolve) => detail.xhr.addEventListener("loadend", resolve));
    onTheWay.add(answer);
    answer.then(() => onTheWay.delete(answer));
  });

  // --- the scan field: it keeps the focus, and a scan waits for the answers on their way: it means the screen that they bring ---
  const typing = (element) => element && (element.matches("input:not(#scan):not([type=radio]), select, textarea") || element.closest("dialog"));
  function listen() {
    if (!typing(document.activeElement) || document.activeElement.id === "quantity") scanField()?.focus({ preventScroll: true });
  }
  let queue = Promise.resolve();
  let last = { code: "", at: 0 };
  const enqueue = (request) => { queue = queue.then(answered).then(request).catch(() => {}); };
  function send(values) {
    const form = document.getElementById("scan-form");
    return window.htmx.ajax("POST", form.action, { source: form, values, target: "#screen", swap: "outerHTML" });
  }
  // A tapped button may have changed the screen while a scan was on its way: its answer goes to the screen of now.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { target, xhr } = event.detail;
    if (!target || target.isConnected || xhr.status !== 200 || xhr.getResponseHeader("HX-Redirect")) return;
    event.preventDefault();
    window.htmx.swap("#screen", xhr.responseText, { swapStyle: "outerHTML" });
  });
  window.floorScan = (code) => {
    const badge = document.querySelector("[data-scan-into]");
    if (badge) {
      badge.value = code;
      document.getElementById(badge.dataset.then).focus();
    } else if (document.getElementById("scan-form")) {
      enqueue(() => send({ code }));
    }
  };
  document.addEventListener("submit", (event) => {
    if (event.target.id === "login-form") {
      const then = document.getElementById(event.target.querySelector("[data-then]")?.dataset.then);
      if (then && !then.value) { event.preventDefault(); then.focus(); }
      return;
    }
    if (event.target.id !== "scan-form" || !window.htmx) return;
    event.preventDefault();
    const field = document.getElementById("scan");
    const code = field.value.trim();
    const button = event.submitter?.name ? { [event.submitter.name]: event.submitter.value } : null;
    field.value = "";
    const now = Date.now();
    if (button) { // it answers the screen that it stood on: tapped twice it does not answer the next one as well
      const asking = document.getElementById("screen");
      enqueue(() => asking.isConnected && send({ code: "", ...button }));
      return;
    }
    if (!code || (code === last.code && now - last.at < BOUNCE_MS)) return;
    last = { code, at: now };
    enqueue(() => send({ code }));
  });
  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (target.id === "scan") {
      if (event.ctrlKey && event.key === "]") { // how scanners type the separator of GS1 codes
        target.setRangeText("\u001d", target.selectionStart, target.selectionEnd, "end");
        event.preventDefault();
      } else if (event.key === "Tab" && target.value.trim()) { // some scanners end with Tab
        event.preventDefault();
        target.form.requestSubmit();
      }
    } else if (event.key.length === 1 && !event.ctrlKey && !event.altKey && !event.metaKey && !typing(target)) {
      scanField()?.focus({ preventScroll: true });
    } else if (target.matches("#quantity, [data-pad-target]") && event.key.length === 1 && !event.ctrlKey && scanField()?.id === "scan") {
      scanField().focus({ preventScroll: true }); // a scan, not typing: the number has its buttons
    }
  });

  // --- taps ---
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button, a");
    if (button?.dataset.step) {
      const field = document.getElementById("quantity");
      const digits = Math.max(...[field.value, button.dataset.step].map((number) => (number.split(".")[1] || "").length));
      const next = Number(field.value) + Number(button.dataset.step);
      field.value = Math.min(Number(field.dataset.max), Math.max(Number(field.dataset.min), Number(next.toFixed(digits))));
    } else if (button?.hasAttribute("data-dismiss")) {
      event.preventDefault();
      button.closest(".wrong-screen").remove();
    } else if (button?.dataset.key) {
      press(event, button.dataset.key);
      return;
    } else if (button?.hasAttribute("data-keyboard")) {
      const field = scanField();
      field.inputMode = field.inputMode === "none" ? "text" : "none";
      field.blur();
    }
    if (!typing(event.target)) setTimeout(listen); // afterwards: a form still has to learn which of its buttons was pressed
  });

  document.addEventListener("change", (event) => {
    if ("send" in event.target.dataset && event.target.files.length) event.target.form.requestSubmit(); // a photo is sent as soon as it is taken
  });

  // --- number pad ---
  const padFields = () => [...document.querySelectorAll("[data-pad-target]")];
  let current = null;
  let fresh = true; // the first key replaces what was there
  document.addEventListener("focusin", (event) => {
    if (!event.target.matches("[data-pad-target]") || event.target === current) return;
    current = event.target;
    fresh = true;
  });
  document.addEventListener("pointerdown", (event) => {
    if (event.target.closest("[data-key]")) event.preventDefault(); // the field keeps the focus
  });
  function press(event, key) {
    if (key === "enter") {
      const needed = padFields().filter((field) => "padNeeded" in field.dataset);
      const next = (needed.length ? needed : padFields()).find((field) => !field.value);
      if (next) { event.preventDefault(); next.focus(); }
      return; // all filled: the button submits its form
    }
    if (!current?.isConnected) {
      current = padFields().find((other) => !other.value) || padFields()[0]; // autofocus may have come before this script
      const needed = padFields().find((other) => "padNeeded" in other.dataset);
      current = needed || current;
      fresh = true;
    }
    const field = current;
    field.focus({ preventScroll: true });
    const keep = fresh && field.type !== "password" ? "" : field.value;
    fresh = false;
    if (key === "clear") field.value = "";
    else if (key === "back") field.value = field.value.slice(0, -1);
    else if (key === "." && keep.includes(".")) return;
    else if (key === "-") field.value = keep.startsWith("-") ? keep.slice(1) : `-${keep}`;
    else if ("padDate" in field.dataset) field.value = (keep.replaceAll(".", "") + key).slice(0, 6).match(/..?/g).join(".");
    else if (field.maxLength < 0 || keep.length < field.maxLength) field.value = keep + key;
  }
  // A number that is keyed while an answer is on its way stays, when the answer still asks for it, of the same goods.
  const inHand = () => document.querySelector("#screen [name=token][form=scan-form]")?.value;
  let asked = new Map(); // what stood in the fields when the request went out
  let keyed = { goods: "", fields: [] };
  document.addEventListener("htmx:beforeSend", () => { asked = new Map(padFields().map((field) => [field, field.value])); });
  document.addEventListener("htmx:beforeSwap", () => {
    keyed = { goods: inHand(), fields: padFields().filter((field) => asked.has(field) && asked.get(field) !== field.value) };
  });
  function keepKeyed() {
    const { goods, fields } = keyed;
    keyed = { goods: "", fields: [] };
    if (!goods || goods !== inHand()) return;
    for (const { id, value } of fields) {
      const field = document.getElementById(id);
      if (!field) continue;
      field.value = value;
      current = field;
      fresh = false;
    }
  }

  // --- trouble on the way ---
  const say = document.body.dataset;
  function trouble(title, hint) {
    const screen = document.createElement("div");
    screen.className = "wrong-screen";
    screen.setAttribute("role", "alert");
    for (const [kind, text] of [["mark", "✗"], ["title", title], ["hint", hint]]) {
      const line = document.createElement("p");
      line.className = kind;
      line.textContent = text;
      screen.append(line);
    }
    const again = document.createElement("button");
    again.className = "button light";
    again.type = "button";
    again.textContent = say.again;
    again.addEventListener("click", () => {
      screen.remove();
      enqueue(() => window.htmx.ajax("GET", location.pathname, { target: "#screen", swap: "outerHTML" }));
    });
    screen.append(again);
    document.body.append(screen);
    play("wrong");
  }
  document.addEventListener("htmx:sendError", ({ detail }) => { if (!quiet(detail)) trouble(say.lost, say.lostHint); });
  document.addEventListener("htmx:timeout", ({ detail }) => { if (!quiet(detail)) trouble(say.lost, say.lostHint); });
  document.addEventListener("htmx:responseError", ({ detail }) => { if (!quiet(detail)) trouble(say.failed, say.failedHint); });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id !== "screen" && event.detail.target?.id !== "screen") return;
    keepKeyed();
    saySound();
    window.scrollTo(0, 0);
    listen();
  });

  for (const field of document.querySelectorAll("[data-pad-target]")) field.inputMode = "none";
  saySound();
  if (!document.activeElement || document.activeElement === document.body) listen();
})();
