"use strict";

const INTERVAL_MS = 10000;
const FIELDS = ["status", "last_success", "queue_length"];

function show(values) {
  for (const field of FIELDS) {
    document.getElementById(field).textContent = values[field] ?? "never";
  }
}

async function refresh() {
  try {
    const answer = await fetch("/tds/status", { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    show(await answer.json());
  } catch (error) {
    document.getElementById("status").textContent = `unknown: ${error.message}`;
  }
}

refresh();
setInterval(refresh, INTERVAL_MS);
