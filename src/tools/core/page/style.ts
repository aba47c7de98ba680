/** The page's style: light and dark as the reader's system has it. Contrast of text is at least 7 to 1 in both. */
export const STYLE = `
:root { color-scheme: light dark; --ground: #ffffff; --text: #1c2530; --faint: #45525f; --line: #d5dbe1; --bar: #1f6fb2; --card: #f4f6f8 }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14191f; --text: #e8edf2; --faint: #b4c0cc; --line: #35404b; --bar: #69b1ec; --card: #1d242c }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 3rem }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem }
p { color: var(--faint); margin: .25rem 0 }
.key { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: 1rem; margin: 1.5rem 0 0 }
.key div { background: var(--card); border-radius: .5rem; padding: .75rem 1rem }
.key b { display: block; font-size: 1.5rem } .key span { color: var(--faint) }
i { background: var(--bar); min-width: 2px; min-height: 2px; print-color-adjust: exact } .none { visibility: hidden }
.chart, .spark { display: flex; align-items: flex-end; gap: 1px } .chart i, .spark i { flex: 1; min-width: 1px }
.chart { height: 9rem; border-bottom: 1px solid var(--line) } .spark { width: 10rem; height: 1.5rem }
.bar { display: block; min-width: 10rem } .bar i { display: block; height: .8rem }
.scale { display: flex; justify-content: space-between; gap: 1rem; font-size: .8rem }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line) }
th { color: var(--faint); font-weight: 600 } .n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
summary { color: var(--faint); cursor: pointer; margin-top: .5rem }
@media print { details > * { display: block } }
`.trim();
