// Draws the charts of a page and keeps its live parts up to date. A page works without it: tables stand beside charts, forms are forms.
"use strict";

const COLOURS = ["--one", "--two", "--three", "--four", "--five"];

/** A colour of the style sheet as the browser resolved it for light or dark. */
function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function traces(spec) {
  return spec.series.flatMap((one, i) => {
    const hue = colour(COLOURS[i % COLOURS.length]);
    const drawn = { name: one.name, x: one.x, y: one.y, connectgaps: false, marker: { color: hue }, line: { color: hue, width: 2 } };
    if (spec.kind === "bar") return [{ ...drawn, type: "bar" }];
    const main = { ...drawn, type: "scatter", mode: spec.kind === "dots" ? "markers" : one.x.length < 3 ? "lines+markers" : "lines" };
    if (!one.low) return [main];
    if (spec.kind === "dots") {
      const off = (ends) => ends.map((end, k) => end === null ? null : Math.abs(end - one.y[k]));
      return [{ ...main, error_y: { type: "data", symmetric: false, array: off(one.high), arrayminus: off(one.low), thickness: 1, width: 0 } }];
    }
    const edge = { x: one.x, type: "scatter", mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false };
    const band = hue.replace("rgb(", "rgba(").replace(")", ", 0.18)");
    return [{ ...edge, y: one.low }, { ...edge, y: one.high, fill: "tonexty", fillcolor: band }, main];
  });
}

function layout(spec) {
  const line = colour("--line");
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true };
  const target = spec.target === null ? [] : [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: spec.target, y1: spec.target, line: { dash: "dash", width: 1.5, color: colour("--soft") } }];
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 8, r: 8, t: 8, b: 8 }, hovermode: "x unified",
    hoverlabel: { bgcolor: colour("--card"), bordercolor: line }, font: { family: "system-ui, sans-serif", size: 12, color: colour("--ink") },
    barmode: spec.stacked ? "stack" : "group", showlegend: spec.series.length > 1, legend: { orientation: "h", y: -0.18 }, shapes: target,
    xaxis: { ...axis, showgrid: false }, yaxis: { ...axis, title: { text: spec.unit }, type: spec.log ? "log" : "linear", rangemode: spec.kind === "bar" ? "tozero" : "normal" },
  };
}

function drawAll() {
  for (const source of document.querySelectorAll("script[data-chart]")) {
    const place = document.getElementById(source.dataset.chart);
    const spec = JSON.parse(source.textContent);
    Plotly.react(place, traces(spec), layout(spec), { responsive: true, displaylogo: false, modeBarButtons: [["toImage", "resetScale2d"]], toImageButtonOptions: { filename: source.dataset.chart, scale: 2 } });
  }
  document.documentElement.dataset.drawn = "yes";
}

function withCharts(then) {
  if (!document.querySelector("script[data-chart]")) { document.documentElement.dataset.drawn = "yes"; return; }
  if (window.Plotly) { then(); return; }
  const script = document.createElement("script");
  script.src = "/static/plotly.js";
  script.onload = then;
  document.head.append(script);
}

/** Fetch this page again and put its live parts in place, unless somebody is typing in one. */
async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  let redraw = false;
  for (const old of document.querySelectorAll("[data-live-part]")) {
    const part = fresh.getElementById(old.id);
    if (!part || part.innerHTML === old.dataset.served || old.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) continue;
    const served = part.innerHTML;
    old.innerHTML = served;
    old.dataset.served = served;
    old.classList.remove("changed"); void old.offsetWidth; old.classList.add("changed");
    redraw ||= old.querySelector("script[data-chart]") !== null;
  }
  if (redraw) withCharts(drawAll);
}

/** `<div id="…" data-live-part>` inside `<main>` with `<… data-live="workflows,alerts">`: topics that make the page look again. */
function listen() {
  const place = document.querySelector("[data-live]");
  if (!place) return;
  for (const part of document.querySelectorAll("[data-live-part]")) part.dataset.served = part.innerHTML;
  const events = new EventSource(`/dashboard/events?topics=${encodeURIComponent(place.dataset.live)}`);
  let busy = false, again = false;
  const look = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try { await refresh(); } catch { /* the next change asks again */ }
    busy = false;
    if (again) { again = false; setTimeout(look, 250); }
  };
  events.addEventListener("change", look);
  // After a lost connection something may have been missed.
  let lost = false;
  events.onerror = () => { lost = true; };
  events.onopen = () => { if (lost) { lost = false; look(); } };
  addEventListener("pagehide", () => events.close());
}

withCharts(drawAll);
listen();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => withCharts(drawAll));
