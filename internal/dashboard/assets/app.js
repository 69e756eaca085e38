// The page's own script: what the server sends is morphed into place, plots grow
// by the points that arrive, and the header says whether the page is live.
"use strict";
(() => {
  const state = document.getElementById("state");
  const say = (name, text) => {
    if (!state || state.dataset.state === name) return;
    state.dataset.state = name;
    state.querySelector("span:last-child").textContent = text;
  };

  // ---- plots ---------------------------------------------------------------
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const units = {
    bytes: (v) => {
      const names = ["B", "kB", "MB", "GB", "TB"];
      let i = 0;
      while (Math.abs(v) >= 1000 && i < names.length - 1) { v /= 1000; i++; }
      return (v >= 100 || Number.isInteger(v) ? v.toFixed(0) : v.toFixed(1)) + " " + names[i] + "/s";
    },
    rate: (v) => (v >= 100 || Number.isInteger(v) ? v.toFixed(0) : v.toFixed(1)) + "/s",
    ms: (v) => (v >= 100 || Number.isInteger(v) ? v.toFixed(0) : v.toPrecision(2)) + " ms",
    count: (v) => (Number.isInteger(v) ? v.toFixed(0) : v.toFixed(1)),
    percent: (v) => (v * 100).toFixed(v === 1 ? 0 : 1) + "%",
  };
  const plots = [];
  const plotHeight = 180;
  let data = null; // [times, series…]
  let newest = 0;

  // How far back the plots go, in seconds; less where there is less.
  let reach = Number(localStorage.getItem("reach")) || 3600;
  const span = (_u, min, max) => (min === null || max === null ? [null, null] : [Math.max(min, max - reach), max === min ? max + 1 : max]);

  const utc = (seconds, to) => new Date(seconds * 1000).toISOString().slice(11, to);

  // The legend shows the newest value while nothing is pointed at.
  const last = (u, i) => { const column = u.data?.[i]; return column?.length ? column[column.length - 1] : null; };

  const draw = (box) => {
    const wanted = box.dataset.series.split(",").map(Number);
    const names = box.dataset.names.split(",");
    const unit = units[box.dataset.unit];
    box.replaceChildren();
    const plot = new uPlot({
      width: box.clientWidth || 300, height: plotHeight,
      padding: [8, 30, 0, 0], // the last time of day stands half beyond its line
      cursor: { points: { size: 6 } },
      scales: { x: { range: span }, y: { range: (_u, min, max) => [0, box.dataset.unit === "percent" ? 1 : Math.max(max || 0, box.dataset.unit === "count" ? 4 : 1e-9) * 1.1] } },
      axes: [
        {
          stroke: css("--quiet"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false }, space: 70,
          values: (_u, at, _axis, _space, step) => at.map((t) => utc(t, step < 60 ? 19 : 16)),
        },
        { stroke: css("--quiet"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false }, size: 74, values: (_u, vals) => vals.map((v) => (v === null ? "" : unit(v))) },
      ],
      series: [
        { label: "UTC", value: (u, v) => { const at = v ?? last(u, 0); return at === null ? "" : utc(at, 19); } },
        ...wanted.map((_, i) => ({
          label: names[i], stroke: css("--s" + (i + 1)), width: 2, fill: wanted.length === 1 ? css("--s1") + "22" : undefined, spanGaps: false,
          points: { show: data[0].length < 60, size: 4 }, value: (u, v, i) => { const shown = v ?? last(u, i); return shown === null ? "–" : unit(shown); },
        })),
      ],
    }, [data[0], ...wanted.map((i) => data[i + 1])], box);
    plots.push({ box, plot, wanted });
  };

  const redraw = () => {
    plots.splice(0).forEach((p) => p.plot.destroy());
    if (!data || data[0].length === 0) return;
    document.querySelectorAll("[data-series]").forEach(draw);
  };

  const addPoint = (point) => {
    if (!data || point[0] <= newest) return;
    newest = point[0];
    point.forEach((v, i) => data[i].push(v));
    while (data[0].length > 2200) data.forEach((column) => column.shift());
    if (plots.length === 0 || data[0].length < 4) { redraw(); return; }
    plots.forEach((p) => p.plot.setData([data[0], ...p.wanted.map((i) => data[i + 1])]));
  };

  const loadPlots = async () => {
    if (!document.querySelector("[data-series]")) return;
    const answer = await fetch("/dashboard/series", { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    data = await answer.json();
    newest = data[0].length ? data[0][data[0].length - 1] : 0;
    redraw();
  };
  new ResizeObserver(() => plots.forEach((p) => p.plot.setSize({ width: p.box.clientWidth, height: plotHeight }))).observe(document.body);
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });

  // ---- live ----------------------------------------------------------------
  // What a person opened stays open, and what a person types stays typed.
  const keep = {
    ignoreActiveValue: true,
    callbacks: { beforeAttributeUpdated: (name, node) => !(name === "open" && node.nodeName === "DETAILS") },
  };
  const patch = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    for (const fresh of [...template.content.children]) {
      const old = document.getElementById(fresh.id);
      if (old) Idiomorph.morph(old, fresh, keep);
    }
  };

  const live = document.body.dataset.live;
  let source = null;
  let failures = 0;
  const connect = () => {
    if (document.hidden || (source && source.readyState !== EventSource.CLOSED)) return;
    source = new EventSource(live);
    source.addEventListener("open", () => { failures = 0; say("live", "live"); });
    source.addEventListener("patch", (e) => { say("live", "live"); patch(e.data); });
    source.addEventListener("point", (e) => addPoint(JSON.parse(e.data)));
    source.addEventListener("again", () => { source.close(); connect(); });
    source.addEventListener("error", () => {
      source.close();
      say("waiting", "connection lost, trying again");
      failures++;
      // The browser does not say why: ask, so that an expired token is told from a server that restarts.
      setTimeout(async () => {
        try {
          const answer = await fetch("/dashboard/series", { method: "HEAD" });
          if (answer.status === 401 || answer.status === 403) { say("ended", "signed out: load the page again to sign in"); return; }
        } catch { /* still away */ }
        connect();
      }, Math.min(1000 * 2 ** Math.min(failures, 4), 15000));
    });
  };
  if (live) {
    loadPlots().finally(connect);
    document.addEventListener("visibilitychange", () => {
      // A page that nobody sees costs the server nothing.
      if (document.hidden) { source?.close(); say("waiting", "paused while hidden"); } else if (source?.readyState === EventSource.CLOSED) { loadPlots().finally(connect); }
    });
    addEventListener("pagehide", () => source?.close());
  }

  // ---- what a person does --------------------------------------------------
  document.getElementById("theme")?.addEventListener("click", () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    localStorage.setItem("theme", next);
    document.documentElement.dataset.theme = next;
  });
  for (const choice of document.querySelectorAll('input[name="range"]')) {
    choice.checked = Number(choice.value) === reach;
    choice.addEventListener("change", () => {
      reach = Number(choice.value);
      localStorage.setItem("reach", choice.value);
      redraw();
    });
  }
  // A change is asked for with the token as a bearer: the cookie only reads.
  document.addEventListener("submit", async (e) => {
    const form = e.target.closest("form[data-bearer]");
    if (!form) return;
    e.preventDefault();
    const said = document.getElementById("said");
    const body = new URLSearchParams(new FormData(form, e.submitter));
    const token = document.getElementById("bearer").value.trim();
    try {
      const answer = await fetch(form.getAttribute("action"), { method: "POST", body, headers: { Authorization: "Bearer " + token } });
      if (answer.ok) {
        said.textContent = "Done. Every process sees it within a second.";
      } else {
        const why = await answer.json();
        said.textContent = "Not done: " + (why.field ? why.field + " " : "") + why.message;
      }
    } catch {
      said.textContent = "Not done: the server did not answer.";
    }
  });
  document.addEventListener("change", (e) => {
    if (e.target.matches("[data-submit]")) e.target.form.requestSubmit();
  });
})();
