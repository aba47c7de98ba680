#include "core/sockets/socket_table.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "core/base/fd.h"

namespace reaper {
namespace {

// 300 000 sockets' worth of text; a longer file is reported, not read for ever.
constexpr std::size_t kMaxFile = 64u << 20;
constexpr unsigned kTcpEstablished = 1;  // TCP_ESTABLISHED
constexpr unsigned kUnixConnected = 3;   // SS_CONNECTED

std::string_view next_word(std::string_view& rest) {
  const std::size_t start = rest.find_first_not_of(" \t");
  if (start == std::string_view::npos) return rest = {};
  const std::size_t end = rest.find_first_of(" \t", start);
  const std::string_view word = rest.substr(start, end - start);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
  return word;
}

template <typename Number>
bool read_number(std::string_view word, int base, Number& out) {
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), out, base);
  return parsed.ec == std::errc() && parsed.ptr == word.data() + word.size();
}

// "0100007F:0016": the address as 32-bit words of the host's byte order, the port as a plain number.
bool read_endpoint(std::string_view word, Endpoint& out) {
  const std::size_t colon = word.find(':');
  if (colon != 8 && colon != 32) return false;
  out = {};
  std::size_t at = colon == 8 ? 12 : 0;
  if (colon == 8) out[10] = out[11] = 0xff;
  for (std::size_t i = 0; i < colon; i += 8, at += 4) {
    std::uint32_t part = 0;
    if (!read_number(word.substr(i, 8), 16, part)) return false;
    std::memcpy(&out[at], &part, sizeof part);
  }
  std::uint16_t port = 0;
  if (!read_number(word.substr(colon + 1), 16, port)) return false;
  out[16] = static_cast<std::uint8_t>(port >> 8);
  out[17] = static_cast<std::uint8_t>(port & 0xff);
  return true;
}

// "sl: local remote st queues timer retrnsmt uid timeout inode ..."; false: malformed.
bool read_tcp_line(std::string_view line, std::vector<TcpRecord>& out) {
  std::array<std::string_view, 10> words;
  for (auto& word : words) word = next_word(line);
  TcpRecord record;
  unsigned state = 0;
  std::uint64_t inode = 0;
  if (!read_endpoint(words[1], record.local) || !read_endpoint(words[2], record.remote) ||
      !read_number(words[3], 16, state) || !read_number(words[9], 10, inode))
    return false;
  record.inode = static_cast<std::uint32_t>(inode);
  if (state == kTcpEstablished) out.push_back(record);
  return true;
}

// Every line after the head; each must end in a newline, or the file was cut.
template <typename Each>
Result<bool> each_line(std::string_view text, const char* name, Each each) {
  std::size_t at = text.find('\n');
  if (at == std::string_view::npos) return Failure{EBADMSG, name};
  for (++at; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    if (end == std::string_view::npos || !each(text.substr(at, end - at))) return Failure{EBADMSG, name};
    at = end + 1;
  }
  return true;
}

Result<std::string> read_file(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return Failure{errno, path};
  std::string text;
  std::size_t used = 0;
  for (;;) {
    if (used == kMaxFile) return Failure{EFBIG, path};
    if (text.size() - used < 65536) text.resize(std::min(kMaxFile, text.size() * 2 + 65536));
    const ssize_t got = read(fd.get(), &text[used], text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failure{errno, path};
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  text.resize(used);
  return text;
}

void note(SocketTable& table, const char* what, const Failure& failure) {
  table.complete = false;
  table.faults.push_back({what, 0, failure.what + ": " + std::strerror(failure.code)});
}

// True when the file could be used.
bool add_proc_tcp(const std::string& path, SocketTable& table) {
  auto text = read_file(path);
  auto records = text ? parse_proc_tcp(text.value()) : Result<std::vector<TcpRecord>>(text.failure());
  if (!records) {
    note(table, "list TCP sockets", records.failure());
    return false;
  }
  table.tcp.insert(table.tcp.end(), records.value().begin(), records.value().end());
  table.from_proc = true;
  return true;
}

bool add_proc_unix(const std::string& path, SocketTable& table) {
  auto text = read_file(path);
  auto count = text ? count_proc_unix(text.value()) : Result<std::uint32_t>(text.failure());
  if (!count) {
    note(table, "list unix sockets", count.failure());
    return false;
  }
  table.established_unix = count.value();
  table.from_proc = true;
  table.complete = false;
  table.faults.push_back({"list unix sockets", 0,
                          path + " tells no peers: unix connections are unknown; allow AF_NETLINK "
                                 "(RestrictAddressFamilies=)"});
  return true;
}

}  // namespace

Result<std::vector<TcpRecord>> parse_proc_tcp(std::string_view text) {
  std::vector<TcpRecord> records;
  const auto read =
      each_line(text, "net/tcp line", [&](std::string_view line) { return read_tcp_line(line, records); });
  if (!read) return read.failure();
  return records;
}

Result<std::uint32_t> count_proc_unix(std::string_view text) {
  std::uint32_t count = 0;
  // "Num RefCount Protocol Flags Type St Inode Path": a bound path may hold newlines of a user's choosing, so
  // a line that does not start like a record is taken for the rest of a path.
  const auto read = each_line(text, "net/unix line", [&](std::string_view line) {
    std::array<std::string_view, 6> words;
    for (auto& word : words) word = next_word(line);
    unsigned type = 0, state = 0;
    if (words[0].empty() || words[0].back() != ':') return true;
    if (!read_number(words[4], 16, type) || !read_number(words[5], 16, state)) return true;
    if (state == kUnixConnected && (type == SOCK_STREAM || type == SOCK_SEQPACKET)) ++count;
    return true;
  });
  if (!read) return read.failure();
  return count;
}

SocketTable read_sockets_from_proc(const std::string& proc_root) {
  SocketTable table;
  bool any = add_proc_tcp(proc_root + "/net/tcp", table);
  any |= add_proc_tcp(proc_root + "/net/tcp6", table);
  any |= add_proc_unix(proc_root + "/net/unix", table);
  table.empty_handed = !any;
  return table;
}

SocketTable read_sockets(const std::string& proc_root) {
  SocketTable table;
  bool any = false;
  for (const int family : {AF_INET, AF_INET6}) {
    const std::size_t before = table.tcp.size();
    const DumpEnd end = dump_tcp(family, table.tcp);
    if (end.refused) {
      table.tcp.resize(before);
      table.faults.push_back(
          {"list TCP sockets by netlink", 0,
           end.failure.what + ": " + std::strerror(end.failure.code) + "; using /proc/net"});
      any |= add_proc_tcp(proc_root + (family == AF_INET ? "/net/tcp" : "/net/tcp6"), table);
    } else {
      any = true;
      if (!end.complete) note(table, "list TCP sockets by netlink", end.failure);
      const DumpEnd listening = dump_tcp_listening(family, table.tcp_listening);
      if (!listening.complete) note(table, "list listening TCP sockets", listening.failure);
    }
  }
  const DumpEnd end = dump_unix(table.local);
  if (end.refused) {
    table.local.clear();
    table.faults.push_back({"list unix sockets by netlink", 0,
                            end.failure.what + ": " + std::strerror(end.failure.code) + "; using /proc/net"});
    any |= add_proc_unix(proc_root + "/net/unix", table);
  } else {
    any = true;
    if (!end.complete) note(table, "list unix sockets by netlink", end.failure);
    table.established_unix = static_cast<std::uint32_t>(table.local.size());
    const DumpEnd listening = dump_unix_listening(table.local_listening);
    if (!listening.complete) note(table, "list listening unix sockets", listening.failure);
  }
  table.empty_handed = !any;
  return table;
}

}  // namespace reaper
