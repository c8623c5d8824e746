"use strict";
// Without this script everything is readable; it adds ages, filters and unfolding of what a link leads to.
(() => {
  const ages = [["d", 86400], ["h", 3600], ["min", 60]];
  const now = Date.now();
  for (const time of document.querySelectorAll("time")) {
    const seconds = (now - Date.parse(time.dateTime)) / 1000;
    const found = ages.find(([, size]) => seconds >= size);
    if (seconds >= 0) {
      const age = found ? `${Math.floor(seconds / found[1])} ${found[0]} ago` : "just now";
      time.title = time.textContent;
      time.textContent += `, ${age}`;
    }
  }

  const unfold = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let node = target; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
    }
    target.scrollIntoView();
    const handle = target.querySelector(":scope > summary") || target;
    handle.focus({ preventScroll: true });
  };
  addEventListener("hashchange", unfold);
  unfold();

  const form = document.querySelector("form.filters");
  if (!form) return;
  form.hidden = false;
  const count = form.querySelector("output");
  const months = [...document.querySelectorAll("details.month")];
  const rows = months.map((month) => [...month.querySelectorAll("tbody tr")]);
  const matches = (row, wanted) => {
    const [, , place, kind, by] = row.cells;
    return (
      (!wanted.place || place.textContent === wanted.place || place.textContent.startsWith(`${wanted.place}/`)) &&
      (!wanted.kind || kind.textContent === wanted.kind) &&
      (!wanted.by || by.textContent === wanted.by) &&
      (!wanted.release || (row.dataset.r || "").startsWith(wanted.release))
    );
  };
  const apply = () => {
    const wanted = Object.fromEntries(new FormData(form));
    wanted.release = wanted.release.trim().toLowerCase().replace(/^sha256:/, "").slice(0, 12);
    const asked = Object.values(wanted).some(Boolean);
    let shown = 0;
    months.forEach((month, position) => {
      let here = 0;
      for (const row of rows[position]) {
        row.hidden = !matches(row, wanted);
        here += !row.hidden;
      }
      month.hidden = here === 0;
      month.open = asked ? here > 0 && shown < 500 : position === 0;
      shown += here;
    });
    count.textContent = asked ? `${shown} ${shown === 1 ? "entry" : "entries"}` : "";
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
})();
