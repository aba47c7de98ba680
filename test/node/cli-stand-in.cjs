// Stands in for the `code-<commit> command-shell` of the current Remote-SSH, which is not to be had from a package
// registry. As that one does: it starts a server that listens on a unix socket only, carries TCP connections there
// (the second hop), and ends with the shell that started it while the server stays. Without --server it relays to one
// that runs already, as the program of a later session does.
// Run as: code-<commit> command-shell --cli-data-dir DIR --parent-process-id PID [--server LAUNCHER] --socket PATH
const { spawn } = require("node:child_process");
const { existsSync } = require("node:fs");
const { connect, createServer } = require("node:net");
const { parseArgs } = require("node:util");

const text = { type: "string" };
const { values } = parseArgs({
  options: {
    "cli-data-dir": text,
    "parent-process-id": text,
    server: text,
    socket: text,
  },
});

const flags = ["--connection-token=remotessh", "--accept-server-license-terms", "--start-server"];
if (values.server) {
  const server = spawn(
    values.server,
    [...flags, "--enable-remote-auto-shutdown", `--socket-path=${values.socket}`],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  process.stdout.write(`server==${server.pid}==\n`);
}

const relay = createServer((client) => {
  const upstream = connect(values.socket);
  client.pipe(upstream).pipe(client);
  client.on("error", () => upstream.destroy());
  upstream.on("error", () => client.destroy());
});

setInterval(() => {
  if (!relay.listening && existsSync(values.socket))
    relay.listen(0, "127.0.0.1", () => process.stdout.write(`listening==${relay.address().port}==\n`));
  if (!existsSync(`/proc/${values["parent-process-id"]}`)) process.exit();
}, 50);
