#include "core/killable/socket_protocol.h"

#include <sys/xattr.h>

#include <cerrno>
#include <string_view>

#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

constexpr int kTimeoutMs = 200, kBudgetMs = 2000;
// Guard: one user may hold any number of sockets that need the question, each of which costs about 5 us.
constexpr std::uint64_t kUserBudget = 16384;

// Every socket has this attribute (net/socket.c), whatever its family.
int read_protocol(const char* path, const MemoryFile& file, char* to, HelperAnswer* answer) {
  answer->cost = 1;
  const ssize_t got = getxattr(path, "system.sockprotoname", to, file.most);
  if (got < 0) return errno;
  answer->length = static_cast<std::uint32_t>(got);
  return 0;
}

}  // namespace

std::vector<std::string> read_socket_protocols(const std::string& proc_root,
                                               const std::vector<MemoryRequest>& sockets,
                                               std::vector<Fault>* faults) {
  std::vector<std::string> names(sockets.size());
  auto proc = ProcDir::open(proc_root);
  if (!proc) return names;
  const MemoryFile file{"read the protocols of sockets", 64, kUserBudget, read_protocol};
  const auto on_answer = [&names](std::size_t i, int error, std::string_view text) {
    if (error == 0) names[i] = std::string(text.substr(0, text.find('\0')));
  };
  MemoryReader(file, proc.value().fd(), kTimeoutMs, kBudgetMs).read(sockets, on_answer, faults);
  return names;
}

}  // namespace reaper
