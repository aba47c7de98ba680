// Real sockets held by real processes, and what find_connections says of them.
#pragma once

#include <netinet/tcp.h>

#include <filesystem>
#include <initializer_list>
#include <map>
#include <set>

#include "core/sockets/connections.h"
#include "test/check.h"
#include "test/holder.h"

using reaper::Connection;
using reaper::Connections;
using reaper::UniqueFd;

inline std::string g_folder;
// Guard: this host's other runs of the test have users of their own, for a user's namespaces are looked for.
inline const uid_t g_user = 300'000 + 2 * static_cast<uid_t>(getpid() % 100'000);

inline Connections connections_of(const std::vector<pid_t>& pids) {
  reaper::ConnectionOptions options;
  options.pids = pids;
  return reaper::find_connections(options);
}

using Names = std::map<pid_t, std::string>;

// "tcp accepted S|C": near and far by name, sorted, separated by commas.
inline std::string text_of(const Connections& found, const Names& names) {
  constexpr const char* kKinds[] = {"tcp", "unix", "pipe", "terminal"};
  constexpr const char* kDirections[] = {"accepted", "opened", "pair"};
  std::multiset<std::string> lines;
  for (const Connection& each : found.connections) {
    std::string line = std::string(kKinds[int(each.kind)]) + " " + kDirections[int(each.direction)] + " ";
    for (const pid_t pid : each.near) line += names.at(pid);
    line += "|";
    for (const pid_t pid : each.far) line += names.at(pid);
    lines.insert(line + (each.other_host ? " elsewhere" : ""));
  }
  std::string all;
  for (const std::string& line : lines) all += (all.empty() ? "" : ", ") + line;
  return all;
}

inline void expect(int line, const Names& names, const std::string& wanted) {
  std::vector<pid_t> pids;
  for (const auto& [pid, name] : names) pids.push_back(pid);
  const Connections found = connections_of(pids);
  const std::string text = text_of(found, names);
  if (text != wanted)
    std::fprintf(stderr, "line %d: %s\n instead of %s\n", line, text.c_str(), wanted.c_str());
  CHECK(text == wanted);
  const bool is_sure = found.complete && found.unlisted.empty() && found.unreadable.empty();
  for (const reaper::Fault& fault : found.faults)
    std::fprintf(stderr, "line %d: %s: %s\n", line, fault.what.c_str(), fault.detail.c_str());
  if (!is_sure) std::fprintf(stderr, "line %d: in doubt\n", line);
  CHECK(is_sure && found.faults.empty());
}
#define EXPECT(names, wanted) expect(__LINE__, Names names, wanted)
#define WHO(...) {__VA_ARGS__}

inline bool needs_root(const char* what) {
  if (geteuid() == 0) return false;
  skip((std::string(what) + " needs root").c_str());
  return true;
}

inline UniqueFd listener_at(sockaddr_in address) {
  return make_listener(AF_INET, generic(address), sizeof address);
}
inline UniqueFd client_of(int port) {
  const sockaddr_in to = loopback4(port);
  return connect_to(AF_INET, generic(to), sizeof to);
}
inline UniqueFd unix_listener(const std::string& name, int type = SOCK_STREAM) {
  socklen_t size = 0;
  const sockaddr_un address = unix_address(name, size);
  return make_listener(AF_UNIX, generic(address), size, type);
}
inline UniqueFd unix_client(const std::string& name, int type = SOCK_STREAM) {
  socklen_t size = 0;
  const sockaddr_un address = unix_address(name, size);
  return connect_to(AF_UNIX, generic(address), size, type);
}

struct Served {
  UniqueFd listener = listener_at(loopback4(0));
  UniqueFd client = client_of(port_of(listener.get()));
  UniqueFd accepted = accept_from(listener);
};

inline void become(uid_t uid) {
  if (setgid(uid) != 0 || setuid(uid) != 0) give_up("setuid");
  prctl(PR_SET_DUMPABLE, 1);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
}

// Runs these tests and reports on them; whatever started the program may share pipes with it, and so with its
// children.
inline int run(const char* name, std::initializer_list<void (*)()> tests) {
  for (int fd = 3; fd < 1024; ++fd) close(fd);
  char folder[] = "/tmp/reaper-connections-XXXXXX";
  if (!mkdtemp(folder)) give_up("mkdtemp");
  g_folder = folder;
  for (const auto& test : tests) test();
  std::filesystem::remove_all(g_folder);
  return report(name);
}
