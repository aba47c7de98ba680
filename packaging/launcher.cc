// /usr/sbin/vscode-grim-reaper of the packages: starts the program in the package's own Node.js, else in the
// distribution's. Static, so that no LD_ variable of the caller reaches it, and 1 ms cheaper than a shell.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

namespace {

constexpr const char* kProgram = "/usr/lib/vscode-grim-reaper/vscode-grim-reaper.cjs";
// By absolute path: root must not run what a caller's PATH finds. RHEL 10 and Fedora have Node.js under these names as well,
// and /usr/bin/node may be older there.
constexpr const char* kRuntimes[] = {"/usr/lib/vscode-grim-reaper/node/bin/node", "/usr/bin/node-24",
                                     "/usr/bin/node-22", "/usr/bin/node"};

// EX_SOFTWARE, the program's own word for "it cannot work as installed".
constexpr int kBroken = 70;

bool begins(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

// Guard: a list of what is let through. NODE_OPTIONS, NODE_PATH, LD_PRELOAD, OPENSSL_CONF, GCONV_PATH and
// whatever the next release of Node or libc reads would otherwise load a caller's code into a process of
// root's.
bool harmless(std::string_view variable) {
  constexpr std::string_view kNames[] = {
      // who asks, where the answer goes, how it is shown
      "HOME", "USER", "LOGNAME", "TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "LANG",
      "LANGUAGE", "TZ",
      // of systemd, for the units
      "NOTIFY_SOCKET", "INVOCATION_ID", "JOURNAL_STREAM", "RUNTIME_DIRECTORY", "STATE_DIRECTORY",
      "LOGS_DIRECTORY", "CACHE_DIRECTORY", "CONFIGURATION_DIRECTORY", "CREDENTIALS_DIRECTORY"};
  constexpr std::string_view kFamilies[] = {"LC_", "SUDO_", "SSH_", "XDG_"};
  const std::string_view name = variable.substr(0, variable.find('='));
  for (const std::string_view known : kNames)
    if (name == known) return true;
  for (const std::string_view family : kFamilies)
    if (begins(name, family)) return true;
  return false;
}

}  // namespace

int main(int argc, char** argv, char** environment) {
  char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  std::vector<char*> passed{path};
  for (char** variable = environment; *variable != nullptr; ++variable)
    if (harmless(*variable)) passed.push_back(*variable);
  passed.push_back(nullptr);

  std::vector<char*> command{nullptr, const_cast<char*>(kProgram)};
  for (int i = 1; i < argc; ++i) command.push_back(argv[i]);
  command.push_back(nullptr);

  for (const char* runtime : kRuntimes) {
    command[0] = const_cast<char*>(runtime);
    execve(runtime, command.data(), passed.data());
    if (errno == ENOENT) continue;
    // What is there and does not start must be seen, not stepped over.
    std::fprintf(stderr, "vscode-grim-reaper: cannot start %s: %s\n", runtime, std::strerror(errno));
    return kBroken;
  }
  std::fprintf(stderr,
               "vscode-grim-reaper: no Node.js at %s, %s, %s or %s; install the package nodejs (20.19 or newer) or "
               "vscode-grim-reaper-node\n",
               kRuntimes[0], kRuntimes[1], kRuntimes[2], kRuntimes[3]);
  return kBroken;
}
