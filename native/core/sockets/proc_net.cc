#include "core/sockets/proc_net.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "core/base/sorted.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

// Guard: a user may make namespaces and sockets in any number. So many namespaces and bytes of each user's
// are read (a file of sockets takes a few ms, for the kernel walks a table of the whole host).
constexpr std::uint32_t kUserNets = 64;
constexpr std::size_t kUserBytes = std::size_t{32} * 1024 * 1024;
constexpr unsigned kTcpEstablished = 1;  // TCP_ESTABLISHED
constexpr unsigned kUnixConnected = 3;   // SS_CONNECTED

std::string_view next_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  const std::string_view word = rest.substr(0, rest.find_first_of(" \t"));
  rest.remove_prefix(word.size());
  return word;
}

using Words = std::array<std::string_view, 10>;

// Calls `each` with the words of every line after the head; each must end in a newline, or the file was cut.
template <typename Each>
Result<bool> each_line(std::string_view text, const char* name, Each each) {
  if (text.empty() || text.back() != '\n') return Failure{EBADMSG, name};
  take_word(text, '\n');
  while (!text.empty()) {
    std::string_view line = take_word(text, '\n');
    Words words;
    for (auto& word : words) word = next_word(line);
    if (!each(words)) return Failure{EBADMSG, name};
  }
  return true;
}

}  // namespace

// "sl: local remote st queues timer retrnsmt uid timeout inode ..."
Result<bool> parse_proc_tcp(std::string_view text, NetSockets& out) {
  return each_line(text, "net/tcp", [&out](const Words& words) {
    unsigned state = 0;
    std::uint64_t inode = 0;
    if (!to_number(words[3], state, 16) || !to_number(words[9], inode)) return false;
    out.known.push_back(static_cast<std::uint32_t>(inode));
    if (state == kTcpEstablished) out.connected.push_back(static_cast<std::uint32_t>(inode));
    return true;
  });
}

// "Num RefCount Protocol Flags Type St Inode Path". A bound path may hold newlines that its user chose, so a
// line that does not start like a record is taken for the rest of a path.
Result<bool> parse_proc_unix(std::string_view text, NetSockets& out) {
  return each_line(text, "net/unix", [&out](const Words& words) {
    unsigned type = 0, state = 0;
    std::uint64_t inode = 0;
    if (words[0].empty() || words[0].back() != ':') return true;
    if (!to_number(words[4], type, 16) || !to_number(words[5], state, 16) || !to_number(words[6], inode))
      return true;
    out.known.push_back(static_cast<std::uint32_t>(inode));
    const bool stream = type == SOCK_STREAM || type == SOCK_SEQPACKET;
    if (stream && state == kUnixConnected && !words[7].empty())
      out.connected.push_back(static_cast<std::uint32_t>(inode));
    return true;
  });
}

Result<NetSockets> ForeignNets::read(pid_t pid, uid_t account) {
  NetSockets out;
  auto proc = ProcDir::open(proc_root_);
  if (!proc) return proc.failure();
  std::size_t& used = bytes_of_[account];
  for (const std::string name : {"tcp", "tcp6", "unix"}) {
    const std::string path = std::to_string(pid) + "/net/" + name;
    std::string_view text;
    const int error = proc.value().read(proc.value().fd(), path.c_str(), &text, ProcDir::Records::kMany,
                                        kUserBytes - std::min(used, kUserBytes));
    // A namespace without IPv6 has no such file.
    if (error == ENOENT && name == "tcp6") continue;
    if (error != 0) return Failure{error, proc_root_ + "/" + path};
    used += text.size();
    const auto parsed = name == "unix" ? parse_proc_unix(text, out) : parse_proc_tcp(text, out);
    if (!parsed) return parsed.failure();
  }
  sort_unique(out.known);
  sort_unique(out.connected);
  return out;
}

const NetSockets* ForeignNets::sockets_of(pid_t pid) {
  const auto net = holders_.foreign().find(pid);
  if (net == holders_.foreign().end()) return nullptr;
  const auto [entry, is_new] = by_net_.try_emplace(net->second);
  if (is_new) {
    const uid_t account = holders_.account_of(pid);
    auto found = account != 0 && nets_of_[account]++ >= kUserNets
                     ? Failure{EDQUOT, "this user has more than 64 network namespaces"}
                     : read(pid, account);
    if (found)
      entry->second = found.take();
    else
      faults_.push_back({"list the sockets of another network namespace", pid,
                         found.failure().what + ": " + error_text(found.failure().code)});
  }
  return entry->second ? &*entry->second : nullptr;
}

}  // namespace reaper
