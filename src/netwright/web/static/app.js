// One key per answer, the load in percent, local times, and the focus after a page was exchanged.
"use strict";

const typing = (element) => element.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=range])");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing(event.target)) return;
  const onControl = event.target.matches("button, a, summary, input");
  if (event.key === "Enter" && onControl && !event.target.matches("[type=checkbox]")) return;
  const key = event.key === "Escape" || event.key === "Enter" ? event.key.toLowerCase() : event.key;
  const control = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!control) return;
  event.preventDefault();
  control.click();
});

document.addEventListener("input", (event) => {
  const output = document.getElementById(event.target.dataset?.percent ?? "");
  if (output) output.value = `${Math.round(100 * event.target.value)} %`;
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});

function localTimes() {
  for (const element of document.querySelectorAll("time[data-seconds]")) {
    const at = new Date(1000 * element.dataset.seconds);
    element.dateTime = at.toISOString();
    element.textContent = at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  }
}

document.addEventListener("DOMContentLoaded", localTimes);
document.addEventListener("htmx:afterSettle", (event) => {
  localTimes();
  if (event.detail.elt.id === "main" || event.detail.target?.id === "main") {
    document.getElementById("main")?.focus({ preventScroll: true });
  }
});
