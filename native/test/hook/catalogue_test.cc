#include <string>

#include "hook/product_of_exe.h"
#include "test/check.h"

namespace {

using reaper::product_of_exe;

const std::string kCommit = "0123456789abcdef0123456789abcdef01234567";

struct Row {
  const char* exe;  // COMMIT stands for a commit
  const char* product;
};

constexpr Row kRows[] = {
    // Servers and what belongs to them.
    {"/home/a/.vscode-server/bin/COMMIT/node", "vscode"},
    {"/home/a/.vscode-server/cli/servers/Stable-COMMIT/server/node", "vscode"},
    {"/home/a/.vscode-server/code-COMMIT", "vscode"},
    {"/home/a/.vscode-server/code-COMMIT (deleted)", "vscode"},
    {"/home/a/.vscode-server/bin/COMMIT/node (deleted)", "vscode"},
    {"/home/a/.vscode-remote/bin/COMMIT/node", "vscode"},
    {"/home/a/.vscode-server-insiders/code-insiders-COMMIT", "vscode-insiders"},
    {"/home/a/.vscode-server/extensions/ms-vscode.cpptools-1.2-linux-x64/bin/cpptools-srv", "vscode"},
    {"/home/a/.vscode-server/bin/COMMIT/node_modules/@vscode/ripgrep/bin/rg", "vscode"},
    {"/physical/gpfs/a//.vscode-server//bin/COMMIT//node", "vscode"},
    {"/home/a/.cursor-server/cursor-COMMIT", "cursor"},
    {"/home/a/.cursor-server/bin/linux-x64/COMMIT/node", "cursor"},
    {"/vscode/vscode-server/bin/linux-arm64/COMMIT/node", "devcontainer"},
    {"/vscode/bin/linux-x64/COMMIT/node", "devcontainer"},
    {"/home/a/.vscode/cli/.vscode-server/COMMIT/node", "tunnel"},  // the longer directory wins
    {"/home/a/.zed_server/zed-remote-server-stable-0.199.1", "zed"},
    {"/home/a/.cache/JetBrains/RemoteDev/dist/1a2b_pycharm-2025.1/jbr/bin/java", "jetbrains"},
    {"/home/a/.vscode/cli/servers/Stable-COMMIT/server/node", "tunnel"},
    {"/usr/lib/code-server/lib/node", "code-server"},
    {"/home/a/.brandnew-server/bin/COMMIT/node", "unknown-fork"},
    {"/home/a/.brandnew-server/brandnew-COMMIT (deleted)", "unknown-fork"},
    // Everything else.
    {"", ""},
    {"/", ""},
    {"node", ""},
    {" (deleted)", ""},
    {"/usr/bin/node", ""},
    {"/usr/share/code/code", ""},
    {"/usr/share/code/node", ""},
    {"/home/a/.vscode/extensions/ms-python.python-2025/bin/pet", ""},
    {"/home/a/.vscode-server-env/bin/python", ""},
    {"/home/a/.vscode-server-env/bin/node", ""},
    {"/home/a/.vscode-server", ""},
    {"/home/a/.vscode-server/", ""},
    {"/home/a/proj/.vscode-server/a.out", ""},
    {"/home/a/proj/.vscode-server/node.js", ""},
    {"/home/a/.vscode-server/bin/COMMIT/nodejs", ""},
    {"/home/a/.vscode-server/code-COMMITa", ""},
    {"/home/a/.vscode-server/-COMMIT", ""},
    {"/home/a/.vscode-server/COMMIT", ""},
    {"/home/a/.vscode-server/extensions", ""},
    {"/home/a/x.vscode-server/node", ""},
    {"/home/a/.vscode-server.old/node", ""},
    {"/home/a/lib-code-server/node", ""},
    {"/home/a/code-server/node", ""},
    {"/home/a/JetBrains/RemoteDev/x/dist/java", ""},
    {"/home/a/.zed_server/zed", ""},
    {"/home/a/.brandnew-server/extensions/x/bin/tool", ""},
    {"/home/a/.brandnew-server/bin/tool", ""},
    {"/home/a/brandnew-server/node", ""},
    {"/home/a/.-server/node", ""},
    {"/home/a/.brandnew-server-env/node", ""},
};

std::string filled(std::string exe) {
  const std::string key = "COMMIT";
  for (std::size_t at = exe.find(key); at != std::string::npos; at = exe.find(key))
    exe.replace(at, key.size(), kCommit);
  return exe;
}

}  // namespace

int main() {
  for (const Row& row : kRows) {
    const std::string exe = filled(row.exe);
    const bool right = product_of_exe(exe) == row.product;
    CHECK(right);
    if (!right)
      std::fprintf(stderr, "  %s: \"%s\", not \"%s\"\n", row.exe, std::string(product_of_exe(exe)).c_str(),
                   row.product);
  }
  // Names as the kernel cuts them; the first thread of Node.js 20, 22 and 24.
  for (const char* comm : {"node", "MainThread", "node-MainThread", "code-0123456789", "code-insiders-c",
                           "cursor-01234567", "zed-remote-serv", "java"})
    CHECK(reaper::may_be_server(comm));
  for (const char* comm : {"", "sh", "bash", "sleep", "sshd-session", "nodes", "code-", "code-0123",
                           "gvfs-udisks2-vo", "(sd-pam)", "systemd"})
    CHECK(!reaper::may_be_server(comm));
  // A path cut anywhere, and every byte in place of another, is answered without reading out of bounds.
  const std::string whole = filled("/home/a/.vscode-server/extensions/x/code-COMMIT (deleted)");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    (void)product_of_exe(std::string(whole, 0, i));
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = whole;
      changed[i] = static_cast<char>(byte);
      (void)product_of_exe(changed);
    }
  }
  return report("catalogue");
}
