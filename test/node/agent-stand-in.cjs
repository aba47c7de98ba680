// Stands in for a coding agent's daemon that is reached through a stdio relay. The daemon listens on a unix socket; the
// relay carries the session's input and output to it.
// Run as: node codex app-server --listen unix://PATH, node codex app-server proxy --sock PATH,
//         server THIS --serve --socket PATH, server THIS --bridge --socket PATH
const { connect, createServer } = require("node:net");

const args = process.argv.slice(2);
const optionOf = (flag) => args[args.indexOf(flag) + 1];
const isRelay = args.includes("proxy") || args.includes("--bridge");

if (isRelay) {
  const upstream = connect(optionOf(args.includes("proxy") ? "--sock" : "--socket"));
  process.stdin.pipe(upstream).pipe(process.stdout);
  upstream.on("close", () => process.exit());
} else {
  const path = args.includes("--serve") ? optionOf("--socket") : optionOf("--listen").slice("unix://".length);
  createServer((client) => {
    client.write("hello\n");
    client.on("error", () => client.destroy());
  }).listen(path, () => process.stdout.write(`listening==${process.pid}==${path}==\n`));
}
