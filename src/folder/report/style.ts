/** How a report looks: on screens from 360 pixels on, light and dark as the reader's system is, and on paper. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f7f6f3; --card: #ffffff; --ink: #22262b; --soft: #5a626b; --line: #e3e0da; --well: #f3f1ed;
  --accent: #2f5d8a; --ok: #2c6e49; --ok-bg: #e6f1ea; --bad: #a8352b; --bad-bg: #fae9e6; --warn: #84560a; --warn-bg: #f8eed9;
  --idle: #5a626b; --idle-bg: #eceae6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #16191d; --card: #1e2227; --ink: #e3e6e9; --soft: #a0a8b1; --line: #31373e; --well: #171b1f;
    --accent: #86b3e0; --ok: #86cba2; --ok-bg: #1d3327; --bad: #f0998f; --bad-bg: #402320; --warn: #e2b866; --warn-bg: #3a2f18;
    --idle: #a0a8b1; --idle-bg: #2b3036;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; overflow-wrap: anywhere;
}
main { max-width: 60rem; margin: 0 auto; padding: 3rem 1.5rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.25; letter-spacing: -0.015em; font-weight: 650; margin: 0.35rem 0 1rem; white-space: pre-line; text-wrap: balance; }
h2 { font-size: 1.15rem; font-weight: 650; letter-spacing: -0.005em; margin: 2.75rem 0 0.9rem; }
h3 { font-size: 1.02rem; font-weight: 650; margin: 0; }
h4 { font-size: 0.78rem; font-weight: 650; letter-spacing: 0.05em; text-transform: uppercase; color: var(--soft); margin: 1.3rem 0 0.4rem; }
p { margin: 0.5rem 0; }
ul { margin: 0.3rem 0; padding-left: 1.2rem; }
li { margin: 0.2rem 0; }
code, pre, .mono { font-family: ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 0.84rem; }
pre {
  margin: 0.5rem 0; padding: 0.75rem 0.9rem; background: var(--well); border-radius: 8px; line-height: 1.5;
  white-space: pre-wrap; max-height: 28rem; overflow: auto; tab-size: 4;
}
.over { font-size: 0.85rem; color: var(--soft); margin: 0; }
.status { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.5rem 0.75rem; margin: 0 0 1.6rem; }
.pill { display: inline-block; max-width: 100%; border-radius: 0.85rem; padding: 0.1rem 0.65rem; font-size: 0.84rem; font-weight: 600; background: var(--idle-bg); color: var(--idle); }
.pill.ok { background: var(--ok-bg); color: var(--ok); }
.pill.failed { background: var(--bad-bg); color: var(--bad); }
.pill.running, .pill.rolled_back, .pill.warn { background: var(--warn-bg); color: var(--warn); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
dl.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 1.1rem 1.5rem; margin: 0; padding: 1.2rem 1.4rem; }
dl.facts div.wide { grid-column: span 2; }
dt { font-size: 0.8rem; color: var(--soft); }
dd { margin: 0.1rem 0 0; font-weight: 550; font-variant-numeric: tabular-nums; }
dd .quiet { font-weight: 400; }
.quiet { color: var(--soft); }
.small { font-size: 0.88rem; }
figure { margin: 0; }
figure.trajectory { padding: 1.2rem 1.4rem 0.9rem; }
figure.trajectory figcaption { margin-top: 0.7rem; }
figcaption { font-size: 0.88rem; color: var(--soft); }
.chart { display: block; width: 100%; max-width: 50rem; height: auto; margin: 0 auto; }
.chart text { font-size: 12.5px; fill: var(--soft); font-variant-numeric: tabular-nums; }
.chart .grid { stroke: var(--line); stroke-width: 1; }
.chart .line { fill: none; stroke: var(--accent); stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }
.chart .dot { fill: var(--accent); stroke: var(--card); stroke-width: 2; }
.chart .cross { stroke: var(--bad); stroke-width: 2.25; stroke-linecap: round; fill: none; }
.chart .target { stroke: var(--ok); stroke-width: 1.5; stroke-dasharray: 5 5; }
.chart .target-label { fill: var(--ok); }
details > summary { cursor: pointer; list-style-position: inside; }
summary::marker { color: var(--soft); }
summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.round { margin: 0 0 0.9rem; }
.round > summary { padding: 0.95rem 1.4rem; list-style: none; display: flex; flex-wrap: wrap; align-items: center; gap: 0.3rem 0.8rem; }
.round > summary::-webkit-details-marker { display: none; }
.round > summary::before { content: ""; width: 0.42rem; height: 0.42rem; border: solid var(--soft); border-width: 0 2px 2px 0; transform: rotate(-45deg); margin-right: 0.1rem; }
.round[open] > summary::before { transform: rotate(45deg) translate(-1px, -1px); }
.round > summary .meta { margin-left: auto; font-size: 0.88rem; color: var(--soft); font-variant-numeric: tabular-nums; }
.round .inside { padding: 0 1.4rem 1.3rem; }
.round .inside > :first-child { margin-top: 0; }
.panel > pre { margin: 0; }
.rows { list-style: none; margin: 0; padding: 0; }
.rows > li { margin: 0; padding: 0.55rem 0; border-top: 1px solid var(--line); }
.rows > li:first-child { border-top: 0; }
.row { display: grid; grid-template-columns: 1.2rem minmax(0, 1fr) auto; gap: 0 0.5rem; align-items: baseline; }
.row .name { font-weight: 550; }
.row .time { font-size: 0.88rem; color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
.mark { font-weight: 700; text-align: center; color: var(--idle); }
.mark.ok { color: var(--ok); } .mark.failed { color: var(--bad); } .mark.running, .mark.rolled_back { color: var(--warn); }
.more { margin-left: 1.7rem; }
.error { color: var(--bad); font-size: 0.92rem; margin: 0.2rem 0; white-space: pre-line; }
.more details { margin: 0.25rem 0; }
.more summary { font-size: 0.88rem; color: var(--soft); }
.shots { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1rem; }
.shots img { display: block; width: 100%; height: auto; border-radius: 8px; border: 1px solid var(--line); background: #fff; }
.shots figcaption { margin-top: 0.35rem; }
.notes { list-style: none; padding: 0.7rem 1.4rem; margin: 0; }
.notes li { display: grid; grid-template-columns: 10.5rem minmax(0, 1fr); gap: 0 1rem; padding: 0.3rem 0; }
.notes time { color: var(--soft); font-size: 0.88rem; font-variant-numeric: tabular-nums; }
.panel { padding: 0.9rem 1.4rem; }
.file { border-top: 1px solid var(--line); padding: 0.5rem 0; }
.file:first-child { border-top: 0; }
.counts { margin-left: 0.75rem; font-size: 0.84rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
.plus { color: var(--ok); } .minus { color: var(--bad); }
pre.diff { padding: 0.6rem 0; }
pre.diff span { display: block; padding: 0 0.9rem; min-height: 1.5em; }
pre.diff .plus { background: var(--ok-bg); } pre.diff .minus { background: var(--bad-bg); } pre.diff .hunk { color: var(--accent); padding-top: 0.35rem; }
a { color: var(--accent); }
footer { margin-top: 3rem; font-size: 0.85rem; color: var(--soft); }
@media (max-width: 600px) {
  main { padding: 1.5rem 1rem 3rem; }
  h1 { font-size: 1.4rem; }
  dl.facts, .panel, figure.trajectory { padding: 1rem; }
  dl.facts { grid-template-columns: 1fr 1fr; gap: 0.9rem 1rem; }
  .round > summary { padding: 0.85rem 1rem; }
  .round > summary .meta { margin-left: 0; width: 100%; }
  .round .inside { padding: 0 1rem 1rem; }
  .notes { padding: 0.5rem 1rem; }
  .notes li { grid-template-columns: 1fr; padding: 0.45rem 0; }
  .chart text { font-size: 21px; }
  .chart .axis { display: none; }
}
@media print {
  :root {
    color-scheme: light; --page: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #ccc; --well: #f5f5f5;
    --accent: #2f5d8a; --ok: #2c6e49; --ok-bg: #e6f1ea; --bad: #a8352b; --bad-bg: #fae9e6; --warn: #84560a; --warn-bg: #f8eed9; --idle: #444; --idle-bg: #eee;
  }
  body { font-size: 11pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  pre { max-height: none; overflow: visible; }
  h2, h3, h4, .round > summary { break-after: avoid; }
  .rows > li, figure, .notes li { break-inside: avoid; }
}
`
