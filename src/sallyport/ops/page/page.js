"use strict";
// Asks for /status.json every two seconds and shows it. All texts are set as text, never as HTML, since names of files and
// users come from clients. At most some dozens of rows are asked for, so that thousands of sessions cost no more.

const interval = 2000;
const timeout = 10000;
const rows = 50;
const view = {filter: "", order: "busiest", offset: 0, session: "", paused: false, next: 0, asked: 0};

const at = id => document.getElementById(id);
const setText = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const setClass = (node, name) => { if (node.className !== name) node.className = name; };

// Values as texts

const number = n => n.toLocaleString("en");
const plural = (n, one) => `${number(n)} ${one}${n === 1 ? "" : "s"}`;

function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) { n /= 1024; ++unit; }
  return `${unit === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[unit]}`;
}

function span(seconds) {
  if (seconds === null) return "";
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}

const words = key => key.replaceAll("_", " ");

// Parts of the page

// Makes `parent` have this many children, and calls `fill` for each of them with its value.
function fillChildren(parent, values, make, fill) {
  while (parent.children.length > values.length) parent.lastElementChild.remove();
  values.forEach((value, i) => {
    if (i >= parent.children.length) parent.append(make());
    fill(parent.children[i], value);
  });
}

function made(name, ...children) {
  const out = document.createElement(name);
  out.append(...children);
  return out;
}

// `cells`: a text, or a function that fills the cell. Cells have the classes of their columns.
function fillTable(id, values, cellsOf) {
  const table = at(id);
  const body = table.tBodies[0];
  const classes = [...table.tHead.rows[0].cells].map(cell => cell.className);
  body.querySelector("td.none")?.parentElement.remove();
  const makeRow = () => made("tr", ...classes.map(name => Object.assign(made("td"), {className: name})));
  fillChildren(body, values, makeRow, (row, value) => {
    cellsOf(value).forEach((cell, i) => typeof cell === "function" ? cell(row.cells[i]) : setText(row.cells[i], cell));
  });
  if (values.length > 0) return;
  const none = Object.assign(made("td", "none"), {className: "none", colSpan: classes.length});
  body.append(made("tr", none));
}

function fillList(id, pairs) {
  fillChildren(at(id), pairs, () => made("div", made("dt"), made("dd")), (row, [name, value]) => {
    setText(row.children[0], name);
    setText(row.children[1], value);
  });
}

// One line for each list, the last sample at the right.
function drawChart(id, lists, classes, samples) {
  const svg = at(id);
  const top = Math.max(1, ...lists.flat());
  const width = 360 / samples;
  fillChildren(svg, lists, () => document.createElementNS("http://www.w3.org/2000/svg", "path"), (line, list) => {
    const x = i => (360 - (list.length - 1 - i) * width).toFixed(1);
    const points = list.map((value, i) => `${x(i)} ${(97 - value / top * 94).toFixed(1)}`);
    const d = points.length > 0 ? `M${points.join("L")}` : "";
    if (line.getAttribute("d") !== d) line.setAttribute("d", d);
  });
  classes.forEach((name, i) => svg.children[i].setAttribute("class", name));
  return top;
}

function describeChart(id, parts) {
  fillChildren(at(id), parts, () => made("span"), (part, [text, name]) => { setText(part, text); setClass(part, name); });
}

// The sections

function drawTotals(status) {
  const t = status.totals;
  const tiles = [["sessions", number(t.sessions)], ["transfers running", number(t.transfers)],
    ["transfers complete", number(t.transfers_complete)], ["transfers failed", number(t.transfers_failed)],
    ["sent", bytes(t.bytes_sent)], ["received", bytes(t.bytes_received)], ["openings", number(status.page.openings_total)]];
  if (status.passive_ports) tiles.push(["passive ports in use", `${number(status.passive_ports.in_use)} of ${number(status.passive_ports.usable)}`]);
  if ("queued" in status) tiles.push(["sessions queued", number(status.queued)]);
  if (status.certificate_remaining_seconds !== null) tiles.push(["certificate ends in", span(Math.max(0, status.certificate_remaining_seconds))]);
  fillList("totals", tiles);
}

function drawRates(rates) {
  const samples = 3600 / rates.interval_seconds;
  const last = list => list.length > 0 ? list[list.length - 1] : 0;
  const topBytes = drawChart("bytes-chart", [rates.sent_per_second, rates.received_per_second], ["first", "second"], samples);
  const topSessions = drawChart("sessions-chart", [rates.sessions, rates.transfers], ["first", "second"], samples);
  if (rates.sessions.length === 0) {
    for (const id of ["bytes-text", "sessions-text"]) describeChart(id, [[`The first rates are here after ${rates.interval_seconds} s.`, ""]]);
    return;
  }
  describeChart("bytes-text", [[`Sent ${bytes(last(rates.sent_per_second))}/s (line), `, "first"],
    [`received ${bytes(last(rates.received_per_second))}/s (dashes). `, "second"], [`The top is ${bytes(topBytes)}/s.`, ""]]);
  const failed = rates.transfers_failed.reduce((sum, n) => sum + n, 0);
  describeChart("sessions-text", [[`${plural(last(rates.sessions), "session")} (line), `, "first"],
    [`${plural(last(rates.transfers), "transfer")} (dashes). `, "second"],
    [`The top is ${number(topSessions)}. ${plural(failed, "transfer")} failed in this hour.`, ""]]);
}

function sessionButton(session) {
  return cell => {
    if (cell.firstElementChild === null) {
      cell.append(made("button"));
      cell.firstElementChild.type = "button";
      cell.firstElementChild.addEventListener("click", event => choose(event.currentTarget.textContent));
    }
    const button = cell.firstElementChild;
    setText(button, session.id);
    button.setAttribute("aria-pressed", String(session.id === view.session));
  };
}

function rateCell(rate, fastest) {
  return cell => {
    if (cell.children.length === 0) {
      cell.append(made("span"), made("meter"));
      cell.children[1].setAttribute("aria-hidden", "true");
    }
    setText(cell.children[0], rate === null ? "" : `${bytes(rate)}/s`);
    cell.children[1].hidden = rate === null;
    cell.children[1].max = Math.max(1, fastest);
    cell.children[1].value = rate ?? 0;
  };
}

function transferText(session) {
  const t = session.transfer;
  if (t === null) return session.logged_in ? `idle ${span(session.idle_seconds)}` : "not logged in";
  const done = t.bytes === null ? `by ${t.data_path}, not counted` : bytes(t.bytes);
  return `${t.verb} ${t.path} (${t.direction}, ${done}, ${span(t.age_seconds)})`;
}

function drawSessions(status) {
  const {matched, offset} = status.page;
  const shown = status.sessions;
  setText(at("range"), shown.length > 0 ? `${number(offset + 1)} to ${number(offset + shown.length)} of ${number(matched)}` : `0 of ${number(matched)}`);
  at("previous").disabled = offset === 0;
  at("next").disabled = offset + shown.length >= matched;
  const table = at("session-table");
  const isPointedAt = matchMedia("(hover: hover)").matches && table.tBodies[0].matches(":hover");
  if (isPointedAt || table.tBodies[0].matches(":focus-within")) return;
  const fastest = Math.max(1, ...shown.map(s => s.transfer?.bytes_per_second ?? 0));
  fillTable("session-table", shown, s => [sessionButton(s), s.user ?? "", s.client, s.backend ?? "", span(s.age_seconds),
    transferText(s), rateCell(s.transfer === null ? null : s.transfer.bytes_per_second, fastest)]);
}

function legFacts(session, isClientLeg) {
  const tls = isClientLeg ? session.client_tls : session.backend_tls;
  const out = [`control: ${tls ?? "unencrypted"}`];
  const t = session.transfer;
  const openings = session.openings.filter(o => (o.leg === "client") === isClientLeg);
  if (t !== null) out.push(`data: ${(isClientLeg ? t.client_method : t.backend_method) ?? "none yet"}${t.data_path === "relay" || t.data_path === null ? "" : ", " + t.data_path}`);
  if (isClientLeg && session.advertised !== null) out.push(`advertised: ${session.advertised}`);
  for (const o of openings) out.push(`waiting for ${o.peer} at port ${o.port}`);
  return out;
}

function drawPath(status) {
  at("path").hidden = view.session === "";
  if (view.session === "") return;
  const s = status.page.chosen;
  setText(at("path-title"), s === null ? `Session ${view.session} has ended` : `Path of session ${s.id}`);
  if (s === null) return;
  const isGateway = "backends" in status;
  const parts = [{name: "box", title: "Client", lines: [s.client, s.user ?? "no user yet"]},
    {name: "leg", title: "client leg", lines: legFacts(s, true)},
    {name: "box", title: isGateway ? "Gateway" : "Server", lines: [s.client_destination]}];
  if (isGateway) {
    parts.push({name: "leg", title: "backend leg", lines: s.backend === null ? ["no backend yet"] : legFacts(s, false)},
      {name: "box", title: s.intercepted ? "Server" : "Backend", lines: [s.backend ?? "none yet"]});
  }
  fillChildren(at("path-picture"), parts, () => made("li", made("strong"), made("div")), (node, part) => {
    const isOpen = part.name === "leg" && part.lines.some(line => line.startsWith("waiting"));
    setClass(node, isOpen ? "leg open" : part.name);
    setText(node.children[0], part.title);
    fillChildren(node.children[1], part.lines, () => made("span"), (line, text) => setText(line, text));
  });
  const facts = [["Now", transferText(s)], ["Advertised", s.advertised ?? "nothing (no passive data connection)"],
    ["Session", `${span(s.age_seconds)} old`]];
  if (s.transfer !== null && s.transfer.data_path !== null) facts.push(["Data path", `${s.transfer.data_path} (${words(s.transfer.data_path_reason ?? "")})`]);
  fillList("path-facts", facts);
}

function drawOpenings(page) {
  setText(at("openings-total"), page.openings_total > page.openings.length ? `${number(page.openings.length)} of ${number(page.openings_total)} are shown.` : "");
  fillTable("opening-table", page.openings, o => [String(o.port), o.peer, o.leg, o.user ?? "", o.session,
    o.expires_in_seconds === null ? "when it is used" : `in ${span(o.expires_in_seconds)}`, o.forwarded_to ?? ""]);
}

function drawBackends(status) {
  at("backends").hidden = !("backends" in status);
  document.body.classList.toggle("server", !("backends" in status));
  if (!("backends" in status)) return;
  fillTable("backend-table", status.backends, b => [b.name,
    cell => { setText(cell, b.since_seconds === null ? b.health : `${b.health} for ${span(b.since_seconds)}`); setClass(cell, b.health === "up" ? "good" : "bad"); },
    b.sessions_max > 0 ? `${number(b.sessions)} of ${number(b.sessions_max)}` : number(b.sessions), b.state,
    b.weight_factor < 1 ? `${b.weight} (now ${Math.round(b.weight_factor * 100)} %)` : String(b.weight),
    b.response_seconds === null ? "" : `${Math.round(b.response_seconds * 1000)} ms`, b.reason ?? ""]);
}

function drawFailures(status) {
  const causes = status.page.causes;
  fillTable("failure-table", status.failed_data_connections, f => [`${span(f.age_seconds)} ago`,
    `[${f.id}] ${causes[f.id]?.cause ?? ""}`, f.side, f.leg, f.network, number(f.count), causes[f.id]?.remedy ?? ""]);
  const rejected = Object.entries(status.rejected).concat(Object.entries(status.openings_refused).map(([name, n]) => [`opening: ${name}`, n]));
  const seen = rejected.filter(([, n]) => n > 0).map(([name, n]) => [words(name), number(n)]);
  fillList("rejected", seen.length > 0 ? seen : [["nothing", ""]]);
  at("penalties").hidden = status.login_penalties.length === 0;
  fillTable("penalty-table", status.login_penalties, p => [p.source, span(p.remaining_seconds)]);
}

function draw(status) {
  const state = status.draining ? "draining: a new process has taken over" : status.ready ? "ready" : "takes no new sessions";
  setText(at("name"), status.name);
  document.title = `${number(status.totals.sessions)} – ${status.name}`;
  say(`${state}, running for ${span(status.uptime_seconds)}${status.complete ? "" : "; an event loop did not answer, so sessions are missing"}`, status.ready ? "" : "bad");
  setText(at("daemon"), `Version ${status.version}, process ${status.pid}, listening on ${status.listening.join(", ")}`);
  drawTotals(status);
  drawRates(status.page.rates);
  drawSessions(status);
  drawPath(status);
  drawOpenings(status.page);
  drawBackends(status);
  drawFailures(status);
}

function say(text, name) {
  // A time that passes is not announced each time.
  at("state").setAttribute("aria-live", name === "bad" ? "polite" : "off");
  setText(at("state"), text);
  setClass(at("state"), name);
}

// Updates

async function update() {
  clearTimeout(view.next);
  const asked = ++view.asked;
  try {
    const url = new URL("status.json", location.href);
    url.username = url.password = url.hash = "";
    url.search = new URLSearchParams({filter: view.filter, order: view.order, offset: view.offset, rows, session: view.session});
    const answer = await fetch(url, {cache: "no-store", signal: AbortSignal.timeout(timeout)});
    if (!answer.ok) throw new Error((await answer.text()).trim());
    const status = await answer.json();
    if (asked !== view.asked) return;
    performance.mark("draw-start");
    draw(status);
    performance.measure("draw", "draw-start");
  } catch (failure) {
    if (asked !== view.asked) return;
    say(`No answer (${failure.message}); what is shown is old. The page tries again.`, "bad");
  }
  if (!view.paused && !document.hidden) view.next = setTimeout(update, interval);
}

function choose(id) {
  view.session = id;
  at("path").hidden = false;
  at("path-title").focus();
  update();
}

function setFilter(text) { view.filter = text; view.offset = 0; update(); }

at("filter").addEventListener("input", event => setFilter(event.target.value));
at("order").addEventListener("change", event => { view.order = event.target.value; view.offset = 0; update(); });
at("previous").addEventListener("click", () => { view.offset = Math.max(0, view.offset - rows); update(); });
at("next").addEventListener("click", () => { view.offset += rows; update(); });
at("close").addEventListener("click", () => { view.session = ""; at("path").hidden = true; at("filter").focus(); });
at("pause").addEventListener("click", () => {
  view.paused = !view.paused;
  at("pause").setAttribute("aria-pressed", String(view.paused));
  update();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden && !view.paused) update(); });
update();
