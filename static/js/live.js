"use strict";

// A live page: asks for its middle part again when the event stream tells of something that concerns it, at most once a second; and from time to time in any
// case. Without the stream it asks every few seconds, says so, and tries the stream again.
(() => {
  const SECOND = 1000;
  const root = document.getElementById("live");
  const part = document.getElementById("live-part");
  const state = document.getElementById("live-state");
  if (!root) return;
  const poll = Number(root.dataset.poll) * SECOND;
  let source = null;
  let asking = false;
  let wanted = false;
  let askedAt = Date.now();
  let timer = 0;
  let again = 0;
  let failed = "";

  const show = () => {
    const streaming = source !== null && source.readyState === EventSource.OPEN;
    const words = failed || (streaming ? "Live" : root.dataset.stream ? `No live connection: asked again every ${poll / SECOND} seconds` : `Asked again every ${poll / SECOND} seconds`);
    if (state.textContent !== words) state.textContent = words;
    state.dataset.state = failed ? "failed" : streaming ? "live" : "polling";
    return streaming;
  };

  // In how long to ask again when nothing happens.
  const pause = () => {
    const asked = Number(part.firstElementChild?.dataset.again || 30) * SECOND;
    return show() ? asked : Math.min(asked, poll);
  };

  // Counted from when it was asked last: a stream that fails again and again puts nothing off.
  const later = () => {
    clearTimeout(again);
    again = setTimeout(refresh, Math.max(0, askedAt + pause() - Date.now()));
  };

  const refresh = async () => {
    clearTimeout(timer);
    timer = 0;
    // Nobody looks: it is asked again as soon as somebody does.
    if (asking || document.hidden) {
      wanted = true;
      return;
    }
    asking = true;
    wanted = false;
    askedAt = Date.now();
    try {
      const answer = await fetch(root.dataset.part, { credentials: "same-origin", headers: { Accept: "text/html" } });
      if (answer.redirected || answer.status === 403) {
        failed = "You are signed out: load the page again";
      } else if (!answer.ok) {
        failed = `The site answers ${answer.status}; it is asked again`;
      } else {
        failed = "";
        replace(await answer.text());
      }
    } catch {
      failed = "The site does not answer; it is asked again";
    }
    asking = false;
    later();
    if (wanted) soon();
  };

  // What has the focus keeps it.
  const replace = (html) => {
    const link = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    part.innerHTML = html;
    if (link) part.querySelector(`a[href="${CSS.escape(link)}"]`)?.focus();
  };

  const soon = () => {
    if (!timer) timer = setTimeout(refresh, Math.max(0, askedAt + SECOND - Date.now()));
  };

  const concerns = (event) => !root.dataset.order || JSON.parse(event.data).data.order_id === root.dataset.order;

  const listen = () => {
    source = new EventSource(root.dataset.stream, { withCredentials: true });
    source.onopen = () => {
      later();
      soon();
    };
    source.onerror = () => {
      // The browser itself comes back after a cut; after a refusal it never does.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, poll * (1 + Math.random()));
      later();
    };
    for (const type of root.dataset.events.split(" ")) {
      source.addEventListener(type, (event) => {
        if (concerns(event)) soon();
      });
    }
  };

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && wanted) refresh();
  });
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => {
    if (event.persisted && root.dataset.stream) listen();
  });
  if (root.dataset.stream) listen();
  later();
})();
