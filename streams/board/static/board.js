// Keeps an open page as it is now: whatever the board sends replaces its region. Without this file every page still
// works by being opened anew.
"use strict";

(() => {
  const SILENT_AFTER_MS = 35000;
  const BROKEN_AFTER_MS = 6000;
  const at = document.body.dataset.live;
  const lost = document.getElementById("disconnected");
  const spoken = document.getElementById("spoken");
  let heardMs = Date.now();
  let brokeMs = 0;
  let count = null;

  const onceOnly = (form) => {
    form.addEventListener("submit", () => {
      // A second press while the first is on its way would only look like a second action.
      form.querySelectorAll("button").forEach((button) => button.setAttribute("aria-disabled", "true"));
      form.addEventListener("submit", (event) => event.preventDefault(), { once: true });
    });
  };
  document.querySelectorAll("form").forEach(onceOnly);
  // A page that the browser kept would show buttons that were pressed.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());

  if (!at || !window.EventSource) return;

  const isBusy = () => Boolean(document.querySelector("details.act[open]"));

  // Somebody who reads with the keyboard keeps their place, and what they unfolded stays unfolded.
  const replace = (id, html) => {
    const region = document.getElementById(id);
    if (!region) return;
    const focused = region.contains(document.activeElement) ? document.activeElement.id : "";
    const unfolded = [...region.querySelectorAll("details[open][id]")].map((one) => one.id);
    region.innerHTML = html;
    unfolded.forEach((one) => document.getElementById(one)?.setAttribute("open", ""));
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  };

  // A page that a form asked for is opened anew by its own address, never by sending the form again.
  const again = () => location.replace(location.pathname.replace(/\/contact$/, ""));

  const heard = () => {
    heardMs = Date.now();
    brokeMs = 0;
    lost.hidden = true;
  };

  const live = new EventSource(at);
  const on = (name, take) =>
    live.addEventListener(name, (event) => {
      heard();
      take(JSON.parse(event.data));
    });

  on("beat", () => {});
  ["watching", "facts", "results", "totals", "parts"].forEach((id) => on(id, (told) => replace(id, told.html)));
  on("cases", (told) => {
    replace("cases", told.html);
    const region = document.getElementById("cases");
    if (count !== null && told.count !== count) {
      spoken.textContent = region.dataset.spoken.replace("#", told.count);
    }
    count = told.count;
    document.title = document.title.replace(/\d+/, told.count);
  });
  let told = null;
  const revise = () => {
    const forms = [...document.querySelectorAll("form[data-act]")];
    if (!told || !forms.length) return;
    const about = forms[0].querySelector("input[name=incident]").value;
    const isPast = told.ended || told.incident !== about;
    document.querySelector(".act-acknowledge")?.toggleAttribute("hidden", told.taken);
    // The facts beside the forms are of another incident by now: what is sent would act on one that nobody sees.
    forms.forEach((form) => form.querySelectorAll("button").forEach((button) => (button.disabled = isPast)));
    document.getElementById("forms-past")?.toggleAttribute("hidden", !isPast);
    // Whoever is filling in a form keeps the revision they saw: the engine then says what became graver meanwhile.
    if (isBusy()) return;
    if (isPast) again();
    document.querySelectorAll("input[data-revision]").forEach((field) => (field.value = told.revision));
  };
  on("revision", (now) => {
    told = now;
    revise();
  });
  // What was heard while a form was unfolded counts once it is folded; "toggle" does not bubble.
  document.addEventListener("toggle", (event) => event.target.matches("details.act") && revise(), true);
  on("reload", () => {
    live.close();
    again();
  });
  setInterval(() => {
    const now = Date.now();
    if (now - heardMs > SILENT_AFTER_MS || (brokeMs && now - brokeMs > BROKEN_AFTER_MS)) lost.hidden = false;
  }, 1000);
  live.addEventListener("error", () => {
    // The browser tries again by itself; a refusal ends the stream for good, and must be seen at once.
    brokeMs ||= Date.now();
    if (live.readyState === EventSource.CLOSED) lost.hidden = false;
  });
})();
