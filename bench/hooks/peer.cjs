// What a hook in Node would do at least: find the user's server trees and note the time of the logout for each.
const { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } = require("node:fs");

const uid = Number(process.env.PEER_UID);
if (process.env.PAM_TYPE === "close_session") {
  mkdirSync("/run/bench-peer-node", { recursive: true });
  const uptime = readFileSync("/proc/uptime", "utf8").split(".")[0];
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      if (statSync(`/proc/${pid}`).uid !== uid) continue;
      const args = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      if (/\/\.vscode-server\/.*server-main\.js/s.test(args))
        writeFileSync(`/run/bench-peer-node/${pid}`, uptime);
    } catch {
      // It has ended.
    }
  }
}
