// Stands in for a server's `out/server-main.js` where a scenario is about connections and not about the server: it
// listens, greets each connection with a line, and keeps its own end open when the other one closes.
// Run as: node <root>/out/server-main.js --start-server [--host H --port N | --socket-path PATH] [--run COMMAND]
//   [--goodbye]  closes each connection right after the greeting
const { spawn } = require("node:child_process");
const { rmSync } = require("node:fs");
const { createServer } = require("node:net");
const { parseArgs } = require("node:util");

const { values } = parseArgs({
  strict: false,
  options: { host: { type: "string" }, port: { type: "string" }, "socket-path": { type: "string" } },
});
const say = (line) => process.stdout.write(`${line}\n`);
const held = new Set();

const server = createServer({ allowHalfOpen: true }, (socket) => {
  held.add(socket);
  socket.on("error", () => held.delete(socket));
  socket.resume();
  socket.write("hello\n");
  if (values.goodbye) socket.end();
});
// "@NAME" is an abstract one, as /proc/net/unix writes it.
const path = values["socket-path"]?.replace(/^@/, "\0");
// Of one that was killed.
if (path && !path.startsWith("\0")) rmSync(path, { force: true });
const where = path ?? { host: values.host ?? "127.0.0.1", port: Number(values.port ?? 0) };
server.listen(where, () =>
  say(`listening==${process.pid}==${server.address().port ?? values["socket-path"]}==`),
);

const command = process.argv.at(process.argv.indexOf("--run") + 1);
if (process.argv.includes("--run")) {
  const shell = spawn("/bin/bash", ["-c", command], { stdio: ["pipe", "ignore", "ignore"] });
  say(`shell==${shell.pid}==`);
}
