#include "hook/product_of_exe.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "hook/catalogue_data.h"

namespace reaper {
namespace {

constexpr std::string_view kDeleted = " (deleted)";
constexpr std::string_view kUnknownFork = "unknown-fork";
constexpr std::size_t kCommitLength = 40;
constexpr std::size_t kCommLength = 15;  // TASK_COMM_LEN without its NUL
// Node.js names its first thread since release 22; Zed's and JetBrains' servers are programs of their own.
constexpr std::string_view kServerNames[] = {"node", "MainThread",     "node-MainThread", "zed-remote-serv",
                                             "java", "remote-dev-serv"};

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// Cuts the first component off `path`; runs of slashes count as one.
std::string_view next_component(std::string_view& path) {
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  const std::string_view component = path.substr(0, path.find('/'));
  path.remove_prefix(component.size());
  return component;
}

// When `path` begins with the whole components of `directory`, true and what follows in `rest`.
bool follows(std::string_view path, std::string_view directory, std::string_view& rest) {
  while (!directory.empty()) {
    if (next_component(path) != next_component(directory)) return false;
  }
  rest = path;
  return true;
}

std::string_view basename_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// The command-line program of an exec server: code-<commit>, cursor-<commit>, code-insiders-<commit>.
bool is_cli(std::string_view name) {
  if (name.size() < kCommitLength + 2) return false;
  const std::string_view commit = name.substr(name.size() - kCommitLength);
  return name[name.size() - kCommitLength - 1] == '-' && std::all_of(commit.begin(), commit.end(), is_hex);
}

// The same after the kernel has cut it: "code-0123456789", "code-insiders-0".
bool is_cut_cli(std::string_view comm) {
  const std::size_t dash = comm.rfind('-');
  return comm.size() == kCommLength && dash != std::string_view::npos && dash + 1 < comm.size() &&
         std::all_of(comm.begin() + static_cast<std::ptrdiff_t>(dash) + 1, comm.end(), is_hex);
}

bool is_node_or_cli(std::string_view name) { return name == "node" || is_cli(name); }

// Whether a folder that holds extensions or modules is on the way to the executable.
bool is_helper(std::string_view path) {
  for (std::string_view component = next_component(path); !path.empty(); component = next_component(path)) {
    for (const std::string_view folder : catalogue_data::kHelperFolders) {
      if (component == folder) return true;
    }
  }
  return false;
}

// Whether `path`, taken from below the product's directory, is one of its executables. A file that merely
// lies there (a user's a.out, an editor's copy) is not.
bool is_executable_of(std::string_view product, std::string_view path) {
  if (product == "jetbrains") return true;  // its backend is a whole Java installation
  const std::string_view name = basename_of(path);
  if (product == "zed" && starts_with(name, "zed-remote-server")) return true;
  return is_node_or_cli(name) || is_helper(path);
}

std::string_view known_product(std::string_view exe) {
  for (const catalogue_data::Directory& directory : catalogue_data::kDirectories) {
    for (std::string_view path = exe; !path.empty(); next_component(path)) {
      std::string_view rest;
      // Whole components with something below: "~/.vscode-server-env/bin/python" is a user's own folder.
      if (follows(path, directory.path, rest) && rest.size() > 1 && is_executable_of(directory.product, rest))
        return directory.product;
    }
  }
  return {};
}

bool in_unknown_fork(std::string_view exe) {
  if (!is_node_or_cli(basename_of(exe))) return false;
  constexpr std::string_view kSuffix = "-server";
  for (std::string_view component = next_component(exe); !exe.empty(); component = next_component(exe)) {
    if (component.size() > kSuffix.size() + 1 && component.front() == '.' && ends_with(component, kSuffix))
      return true;
  }
  return false;
}

}  // namespace

std::string_view product_of_exe(std::string_view exe) {
  // The kernel appends this to the link of a replaced executable (proc_pid_exe(5)): an update is no exit.
  if (ends_with(exe, kDeleted)) exe.remove_suffix(kDeleted.size());
  const std::string_view product = known_product(exe);
  if (!product.empty()) return product;
  return in_unknown_fork(exe) ? kUnknownFork : std::string_view{};
}

bool may_be_server(std::string_view comm) {
  return is_cut_cli(comm) ||
         std::find(std::begin(kServerNames), std::end(kServerNames), comm) != std::end(kServerNames);
}

}  // namespace reaper
