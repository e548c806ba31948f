// Makes the page live: when the daemon says that something changed, the same page is fetched again and the
// sections that differ take the place of those that stand. The page is whole without this.
(() => {
  "use strict";
  const $ = (id) => document.getElementById(id);
  let state = $("state")?.dataset.state;

  // As `distance` in parts.rs says it.
  const distance = (seconds) => {
    const far = Math.abs(seconds);
    if (far < 2) return "now";
    const said =
      far < 120 ? `${far} s` : far < 7200 ? `${Math.floor(far / 60)} min`
      : far < 172800 ? `${Math.floor(far / 3600)} h` : `${Math.floor(far / 86400)} d`;
    return seconds > 0 ? `${said} ago` : `in ${said}`;
  };
  const tick = () => {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const at = Date.parse(time.dateTime.replace(/(\.\d{3})\d+/, "$1"));
      if (at) time.textContent = distance(Math.trunc((Date.now() - at) / 1000));
    }
  };

  // What a section shows, without how long ago it was.
  const shown = (section) => {
    const copy = section.cloneNode(true);
    for (const time of copy.querySelectorAll("time")) time.textContent = "";
    for (const open of copy.querySelectorAll("details")) open.removeAttribute("open");
    for (const token of copy.querySelectorAll("input[name=form]")) token.remove();
    return copy.innerHTML + copy.className + copy.hidden;
  };
  const isTyping = (section) => {
    const at = document.activeElement;
    return section.contains(at) && at.matches("input:not([type=checkbox]), select");
  };

  const take = (text) => {
    const next = new DOMParser().parseFromString(text, "text/html");
    for (const section of document.querySelectorAll("[data-live]")) {
      const other = next.getElementById(section.id);
      if (!other || isTyping(section) || shown(section) === shown(other)) continue;
      const focus = section.contains(document.activeElement) ? document.activeElement.id : "";
      const open = [...section.querySelectorAll("details[open]")].length > 0;
      const fresh = document.importNode(other, true);
      if (open) for (const details of fresh.querySelectorAll("details")) details.open = true;
      section.replaceWith(fresh);
      if (focus) $(focus)?.focus();
    }
    document.title = next.title;
    const now = $("state")?.dataset.state;
    if (now && now !== state) {
      state = now;
      $("live").textContent = `The state is ${now}.`;
    }
    tick();
    return next;
  };

  // One fetch at a time; what changes meanwhile is fetched after it.
  let busy = false;
  let again = false;
  const refresh = async () => {
    if (busy) return void (again = true);
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) take(await answer.text());
    } catch { /* The stream says when the daemon is back. */ }
    busy = false;
    if (again) { again = false; refresh(); }
  };

  const overview = Boolean($("state"));
  const events = new EventSource("/events");
  const linked = (is) => document.documentElement.toggleAttribute("data-linked", is);
  events.addEventListener("open", () => linked(true));
  events.addEventListener("error", () => linked(false));
  events.addEventListener("change", refresh);
  if (overview) events.addEventListener("poll", refresh);
  addEventListener("pagehide", () => events.close());

  // A form is sent without leaving the page; what it answers is a page like this one.
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("[data-live-form]")) return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form, event.submitter));
    event.submitter?.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/html" } });
      const next = take(await answer.text());
      const said = next.querySelector(answer.ok ? "#notice" : "main > .lead");
      $("notice").replaceChildren(...(said ? document.importNode(said, true).childNodes : []));
      if (answer.ok) for (const field of form.querySelectorAll("input[name=note], input[name=reason]")) field.value = "";
    } catch {
      $("notice").textContent = "The daemon does not answer.";
    }
    event.submitter?.removeAttribute("aria-busy");
  });

  tick();
  setInterval(tick, 1000);
})();
