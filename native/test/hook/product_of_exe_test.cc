#include "hook/product_of_exe.h"

#include <fstream>
#include <string>

#include "test/check.h"

namespace {

using reaper::product_of_exe;

const std::string kCommit = "0123456789abcdef0123456789abcdef01234567";

// {commit} in a path, replaced.
std::string filled(std::string exe) {
  const std::string key = "{commit}";
  for (std::size_t at = exe.find(key); at != std::string::npos; at = exe.find(key))
    exe.replace(at, key.size(), kCommit);
  return exe;
}

}  // namespace

int main() {
  std::ifstream table(INSTALL_PATHS);
  CHECK(table.is_open());
  int rows = 0;
  for (std::string line; std::getline(table, line);) {
    const std::size_t tab = line.find('\t');
    if (line.front() == '#' || tab == std::string::npos) continue;
    ++rows;
    const std::string exe = filled(line.substr(0, tab));
    const std::string product = line.substr(tab + 1);
    const std::string answer(product_of_exe(exe));
    CHECK(answer == product);
    if (answer != product)
      std::fprintf(stderr, "  %s: \"%s\", not \"%s\"\n", exe.c_str(), answer.c_str(), product.c_str());
  }
  CHECK(rows > 100);
  // Names as the kernel cuts them; the first thread of Node.js 20, 22 and 24.
  for (const char* comm : {"node", "MainThread", "node-MainThread", "code-0123456789", "code-insiders-c",
                           "cursor-01234567", "zed-remote-serv", "java", "codex", "server"})
    CHECK(reaper::may_be_server(comm));
  for (const char* comm : {"", "sh", "bash", "sleep", "sshd-session", "nodes", "code-", "code-0123",
                           "gvfs-udisks2-vo", "(sd-pam)", "systemd"})
    CHECK(!reaper::may_be_server(comm));
  // Guard: a user names their folders. A name made to fit almost, over and over, costs a product of lengths
  // at most.
  const std::string hostile = "/extensions/a" + std::string(4000, '.') + "-a.a";
  CHECK(product_of_exe(hostile + "/tool").empty());
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
  return report("product_of_exe");
}
