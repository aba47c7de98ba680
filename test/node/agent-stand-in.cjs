// Stands in for a coding agent's daemon that is reached through a stdio relay. The daemon listens on a unix socket; the
// relay carries the session's input and output to it.
// Run as: node codex app-server --listen unix://PATH, node codex app-server proxy --sock PATH,
// or, where the first argument is a name of this file in the working directory, and the socket is there too:
//         claude daemon run --origin transient, claude attach ID,
//         oz-VERSION remote-server-daemon --identity-key KEY, oz-VERSION remote-server-proxy --identity-key KEY
const { connect, createServer } = require("node:net");

const args = process.argv.slice(1);
const isRelay = args.some((arg) => /^proxy$|\/attach$|\/remote-server-proxy$/.test(arg));
const flag = args.findIndex((arg) => ["--listen", "--sock"].includes(arg));
const path = flag < 0 ? "daemon.sock" : args[flag + 1].replace(/^unix:\/\//, "");

if (isRelay) {
  const upstream = connect(path);
  process.stdin.pipe(upstream).pipe(process.stdout);
  upstream.on("close", () => process.exit());
} else
  createServer((client) => {
    client.write("hello\n");
    client.on("error", () => client.destroy());
  }).listen(path, () => process.stdout.write(`listening==${process.pid}==${path}==\n`));
