// The connections that one VS Code window holds to its server, without the window: a management and an extension host
// connection, kept alive. Runs in the login node, where it reaches the server through ssh:
//   node remote-client.mjs --port N [--socks N] | --socket PATH  --commit C [--token T] [--reconnection-token UUID [--reconnect]]
// Prints one JSON line per event. Standard input: `close` says goodbye as a closed window does; the end of it, or of
// this process, drops the connections as a lost network does.
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

// The kinds of a frame: a 13 byte header (kind u8, id u32, ack u32, length u32; big endian) and its body.
const REGULAR = 1;
const CONTROL = 2;
const ACK = 3;
const DISCONNECT = 5;
const KEEP_ALIVE = 9;
const HEADER = 13;

const { values } = parseArgs({
  options: {
    port: { type: "string" },
    socks: { type: "string" },
    socket: { type: "string" },
    commit: { type: "string" },
    token: { type: "string", default: "00000000000000000000" },
    "reconnection-token": { type: "string" },
    reconnect: { type: "boolean", default: false },
  },
});

const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

function send(socket, kind, body = "", received = 0) {
  const bytes = Buffer.from(body);
  const frame = Buffer.alloc(HEADER + bytes.length);
  frame.writeUInt8(kind, 0);
  frame.writeUInt32BE(received, 5);
  frame.writeUInt32BE(bytes.length, 9);
  bytes.copy(frame, HEADER);
  socket.write(frame);
}

async function take(socket, length) {
  for (;;) {
    const bytes = socket.read(length);
    if (bytes) return bytes;
    await once(socket, "readable");
  }
}

/** Straight to the port or socket, or through ssh's SOCKS 5 proxy (RFC 1928), which dials the port at the far end. */
async function dial() {
  if (values.socket) return connect(values.socket);
  const port = Number(values.port);
  if (!values.socks) return connect(port, "127.0.0.1");
  const socket = connect(Number(values.socks), "127.0.0.1");
  socket.write(Buffer.from([5, 1, 0]));
  await take(socket, 2);
  socket.write(Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255]));
  const answer = await take(socket, 10);
  if (answer[1] !== 0) throw new Error(`ssh did not reach port ${port}: SOCKS answer ${answer[1]}`);
  return socket;
}

/** Upgrades to the server's protocol, signs in, and resolves when the server has accepted the connection. */
async function attach(name, desiredConnectionType, args) {
  const reconnectionToken = values["reconnection-token"] ?? randomUUID();
  const socket = await dial();
  const query = `reconnectionToken=${reconnectionToken}&reconnection=${values.reconnect}&skipWebSocketFrames=true`;
  socket.write(
    `GET /?${query} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`,
  );
  const control = (message) => send(socket, CONTROL, JSON.stringify(message));
  let pending = Buffer.alloc(0);
  let upgraded = false;

  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", () => {
      reject(new Error(`${name}: closed by the server`));
      say({ event: "closed", name });
    });
    socket.on("data", (bytes) => {
      pending = Buffer.concat([pending, bytes]);
      if (!upgraded) {
        const end = pending.indexOf("\r\n\r\n");
        if (end < 0) return;
        const status = pending.subarray(0, pending.indexOf("\r\n")).toString();
        if (!status.includes(" 101 ")) return reject(new Error(`${name}: ${status}`));
        upgraded = true;
        pending = pending.subarray(end + 4);
        control({ type: "auth", auth: values.token, data: "harness" });
      }
      while (pending.length >= HEADER) {
        const length = pending.readUInt32BE(9);
        if (pending.length < HEADER + length) return;
        const kind = pending.readUInt8(0);
        const id = pending.readUInt32BE(1);
        const body = pending.subarray(HEADER, HEADER + length).toString();
        pending = pending.subarray(HEADER + length);
        if (kind === CONTROL) onControl(JSON.parse(body));
        if (kind !== REGULAR) continue;
        // A message left unacknowledged for 20 s makes the server take the connection for lost.
        send(socket, ACK, "", id);
        accepted();
      }
    });

    function onControl(message) {
      if (message.type === "sign") {
        const { commit } = values;
        control({ type: "connectionType", commit, signedData: message.data, desiredConnectionType, args });
      } else if (message.type === "error") {
        reject(new Error(`${name}: ${message.reason}`));
      } else accepted();
    }

    function accepted() {
      if (socket.accepted) return;
      socket.accepted = true;
      setInterval(() => send(socket, KEEP_ALIVE), 5000).unref();
      say({ event: "attached", name, reconnectionToken });
      resolve(socket);
    }
  });
}

const sockets = [
  await attach("management", 1),
  await attach("extensionHost", 2, { language: "en", break: false, port: null, env: {} }),
];
say({ event: "ready" });
for await (const line of createInterface(process.stdin)) {
  if (line !== "close") continue;
  for (const socket of sockets) {
    send(socket, DISCONNECT);
    socket.end();
  }
}
process.exit();
