// Proc folders made by hand, and a kernel that answers what a test wants.
#pragma once

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include "core/sockets/socket_table.h"
#include "test/check.h"

namespace reaper {

namespace fs = std::filesystem;

template <typename T>
inline std::string raw(const T& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

inline std::string padded(std::string bytes) { return bytes.append((4 - bytes.size() % 4) % 4, '\0'); }

inline std::string message(int type, const std::string& payload, int flags = NLM_F_MULTI,
                           std::uint32_t sequence = kSequence) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + payload.size());
  header.nlmsg_type = static_cast<std::uint16_t>(type);
  header.nlmsg_flags = static_cast<std::uint16_t>(flags);
  header.nlmsg_seq = sequence;
  return padded(raw(header) + payload);
}

inline std::string record(const std::string& payload, int flags = NLM_F_MULTI) {
  return message(SOCK_DIAG_BY_FAMILY, payload, flags);
}

inline std::string attribute(int type, const std::string& value) {
  nlattr head{};
  head.nla_len = static_cast<std::uint16_t>(sizeof head + value.size());
  head.nla_type = static_cast<std::uint16_t>(type);
  return padded(raw(head) + value);
}

inline const std::string kDone = message(NLMSG_DONE, raw(0));

struct Tcp {
  const char* local;
  int port;
  const char* remote;
  int remote_port;
  std::uint32_t inode;
  int state = TCP_ESTABLISHED;
  uid_t uid = 7;
  std::string attributes{};
  std::uint32_t device = 0;
  std::uint8_t timer = 0;
  std::uint32_t unsent = 0;
};

inline std::string tcp(const Tcp& of) {
  inet_diag_msg made{};
  const bool six = std::strchr(of.local, ':') != nullptr;
  made.idiag_family = six ? AF_INET6 : AF_INET;
  made.idiag_state = static_cast<std::uint8_t>(of.state);
  made.idiag_inode = of.inode;
  made.idiag_uid = of.uid;
  made.id.idiag_if = of.device;
  made.idiag_timer = of.timer;
  made.idiag_wqueue = of.unsent;
  made.id.idiag_sport = htons(static_cast<std::uint16_t>(of.port));
  made.id.idiag_dport = htons(static_cast<std::uint16_t>(of.remote_port));
  inet_pton(made.idiag_family, of.local, made.id.idiag_src);
  inet_pton(made.idiag_family, of.remote, made.id.idiag_dst);
  return record(raw(made) + of.attributes);
}

inline std::string local(std::uint32_t inode, const std::string& attributes = "", int state = TCP_ESTABLISHED,
                         int type = SOCK_STREAM) {
  unix_diag_msg made{};
  made.udiag_family = AF_UNIX;
  made.udiag_type = static_cast<std::uint8_t>(type);
  made.udiag_state = static_cast<std::uint8_t>(state);
  made.udiag_ino = inode;
  return record(raw(made) + attributes);
}

inline std::string peer(std::uint32_t inode) { return attribute(UNIX_DIAG_PEER, raw(inode)); }
inline std::string name(const std::string& text) { return attribute(UNIX_DIAG_NAME, text); }
inline std::string uid(std::uint32_t of) { return attribute(7, raw(of)); }

class ProcFolder {
 public:
  ProcFolder() {
    char made[] = "/tmp/reaper-proc-XXXXXX";
    if (!mkdtemp(made)) std::abort();
    root = made;
    link("self/ns/net", "net:[1]");
  }
  ~ProcFolder() { fs::remove_all(root); }
  void link(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root + "/" + path).parent_path());
    fs::create_symlink(text, root + "/" + path);
  }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root + "/" + path).parent_path());
    std::ofstream(root + "/" + path) << text;
  }
  // Of `owner` where root can give it away.
  void process(pid_t pid, const std::vector<std::uint32_t>& inodes, const std::string& net = "net:[1]",
               uid_t owner = 0) const {
    for (std::size_t i = 0; i < inodes.size(); ++i)
      link(std::to_string(pid) + "/fd/" + std::to_string(i + 3),
           "socket:[" + std::to_string(inodes[i]) + "]");
    link(std::to_string(pid) + "/ns/net", net);
    if (geteuid() == 0 && chown((root + "/" + std::to_string(pid)).c_str(), owner, 0) != 0) std::abort();
  }
  std::string root;
};

// An answer to one request: the kernel's bytes, or the errno with which asking fails.
struct Answer {
  std::string bytes;
  int error = 0;
};

// What a kernel answers to the first, second, ... full dump; the last answer is repeated. The first answers
// the dump of listeners as well.
struct Kernel {
  std::vector<std::string> tcp4 = {kDone}, unix_local = {kDone}, tcp6 = {kDone};
  Answer exact = {message(NLMSG_ERROR, raw(-ENOENT))};  // to a question for one unix socket
  // The answer to a family's request of one turn (0: the listeners, 1 and 2: all; -1: to each).
  int bad_family = 0, bad_turn = 0;
  Answer bad{};
  std::map<int, std::size_t> dumps{};  // how many full ones, by family
  std::size_t questions = 0;           // for one unix socket
  ConnectionOptions options{};
  std::function<void()> meanwhile = [] {};  // what happens while the kernel is asked

  Connections look(const ProcFolder& proc, std::vector<pid_t> pids) {
    return look(proc.root, std::move(pids));
  }
  Connections look(const std::string& proc_root, std::vector<pid_t> pids) {
    options.proc_root = proc_root;
    options.pids = std::move(pids);
    return find_connections(options, asked());
  }
  AskKernel asked() {
    return [this](const std::string& request, const OnBuffer& on_buffer) {
      meanwhile();
      const Answer answer = answer_to(request.substr(sizeof(nlmsghdr)));
      if (answer.error != 0) return std::optional(Failure{answer.error, "ask"});
      if (!answer.bytes.empty()) on_buffer(answer.bytes);
      return std::optional<Failure>();
    };
  }

 private:
  Answer answer_to(const std::string& body) {
    const int family = body[0];
    unix_diag_req local{};
    inet_diag_req_v2 inet{};
    std::memcpy(&local, body.data(), family == AF_UNIX ? sizeof local : 0);
    std::memcpy(&inet, body.data(), family == AF_UNIX ? 0 : sizeof inet);
    questions += local.udiag_ino != 0;
    if (local.udiag_ino != 0) return exact;
    const auto& lists = family == AF_UNIX ? unix_local : family == AF_INET ? tcp4 : tcp6;
    const bool is_full = (family == AF_UNIX ? local.udiag_states : inet.idiag_states) == ~0u;
    const std::size_t turn = is_full ? ++dumps[family] : 0;
    if (family == bad_family && (bad_turn < 0 || bad_turn == static_cast<int>(turn))) return bad;
    return {lists[std::min(turn == 0 ? 0 : turn - 1, lists.size() - 1)]};
  }
};

inline std::string text_of(const Connections& found) {
  std::string all;
  for (const Connection& each : found.connections) {
    all += each.local +
           (each.direction == Direction::kAccepted ? "<"
            : each.direction == Direction::kOpened ? ">"
                                                   : "=") +
           each.remote + " " + std::to_string(each.near.size()) + std::to_string(each.far.size());
    all += each.other_host ? " elsewhere; " : "; ";
  }
  return all;
}

inline const Tcp kListener = {"127.0.0.1", 22, "0.0.0.0", 0, 10, TCP_LISTEN};
inline const Tcp kNear = {"127.0.0.1", 22, "127.0.0.1", 40123, 11},
                 kFar = {"127.0.0.1", 40123, "127.0.0.1", 22, 12};

}  // namespace reaper
