#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "test/puppet/puppet.h"

namespace reaper::puppet {

namespace {

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool parse_node(const std::vector<std::string>& fields, Node* node) {
  if (fields.size() < 5) return false;
  long depth = number(fields[0]);
  long uid = fields[1] == "-" ? -1 : number(fields[1]);
  if (depth < 0 || (uid < 0 && fields[1] != "-")) return false;
  node->depth = static_cast<int>(depth);
  node->uid = uid;
  node->behaviours = fields[2];
  node->exe = unescape(fields[3], 0);
  node->argv.assign(fields.begin() + 4, fields.end());
  return true;
}

}  // namespace

std::string unescape(std::string_view text, pid_t parent) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char next = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    if (next == 't' || next == 'n' || next == '\\') {
      out += next == 't' ? '\t' : next == 'n' ? '\n' : '\\';
      ++i;
    } else if (next == 'p') {
      out += std::to_string(parent);
      ++i;
    } else if (next == 'x' && i + 3 < text.size() && hex(text[i + 2]) >= 0 && hex(text[i + 3]) >= 0) {
      out += static_cast<char>(hex(text[i + 2]) * 16 + hex(text[i + 3]));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

bool parse_plan(std::string_view text, std::vector<Node>* nodes, std::string* error) {
  std::vector<int> open;  // open[d] is the last node seen at depth d
  for (const std::string& line : split(text, '\n')) {
    if (line.empty()) continue;
    Node node;
    size_t depth = 0;
    if (parse_node(split(line, '\t'), &node)) depth = static_cast<size_t>(node.depth);
    if (node.exe.empty() || depth > open.size()) {
      *error = "not a node: " + line;
      return false;
    }
    open.resize(depth);
    node.parent = open.empty() ? -1 : open.back();
    open.push_back(static_cast<int>(nodes->size()));
    nodes->push_back(node);
  }
  return true;
}

bool has(std::string_view list, std::string_view name, std::string* value) {
  for (const std::string& item : split(list, ',')) {
    size_t equals = item.find('=');
    if (item.compare(0, equals, name) != 0) continue;
    if (value != nullptr)
      *value = equals == std::string::npos ? "" : unescape(item.substr(equals + 1), getppid());
    return true;
  }
  return false;
}

long number(const std::string& value) {
  if (value.empty() || value.size() > 10) return -1;
  for (char c : value) {
    if (c < '0' || c > '9') return -1;
  }
  return atol(value.c_str());
}

void report(int fd, const char* format, ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  if (length < 0) return;
  size_t size = static_cast<size_t>(length) < sizeof line - 1 ? static_cast<size_t>(length) : sizeof line - 2;
  line[size] = '\n';
  if (write(fd, line, size + 1) < 0) _exit(71);
}

void pause_ms(int ms) {
  timespec wait{ms / 1000, (ms % 1000) * 1000000L};
  while (nanosleep(&wait, &wait) != 0) {
  }
}

std::string read_text(const std::string& path) {
  std::string text;
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char block[4096];
  for (ssize_t n = read(fd, block, sizeof block); n > 0; n = read(fd, block, sizeof block)) {
    text.append(block, static_cast<size_t>(n));
  }
  close(fd);
  return text;
}

}  // namespace reaper::puppet
