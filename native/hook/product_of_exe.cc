#include "hook/product_of_exe.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <vector>

#include "hook/catalogue_data.h"
#include "hook/path_pattern.h"

namespace reaper {
namespace {

using catalogue_data::Named;

constexpr std::string_view kDeleted = " (deleted)";
constexpr std::string_view kUnknownFork = "unknown-fork";
constexpr std::string_view kCliPattern = "*-{commit}";
constexpr std::size_t kCommitSuffix = 41;  // "-" and the commit
constexpr std::size_t kCommLength = 15;    // TASK_COMM_LEN without its NUL
// Node.js names its first thread since release 22; the others' servers are programs of their own.
constexpr std::string_view kServerNames[] = {"node", "MainThread",      "node-MainThread", "zed-remote-serv",
                                             "java", "remote-dev-serv", "codex",           "server"};

enum class FoundBy { kFolder, kLayout, kForkFolder };

struct Install {
  std::string_view product;
  FoundBy by;
  std::size_t end;  // of the folder or the installation, in components
};

struct Location {
  Components pattern;
  std::string_view product;
};

// The patterns are split once: a logout may look at thousands of executables.
template <typename List>
std::vector<Location> split(const List& named) {
  std::vector<Location> locations;
  for (const Named& entry : named) locations.push_back({components_of(entry.pattern), entry.product});
  return locations;
}

const std::vector<Location>& programs() {
  static const std::vector<Location> split_once = split(catalogue_data::kPrograms);
  return split_once;
}

const std::vector<Location>& folders() {
  static const std::vector<Location> split_once = split(catalogue_data::kFolders);
  return split_once;
}

const std::vector<Location>& layouts() {
  static const std::vector<Location> split_once = split(catalogue_data::kLayouts);
  return split_once;
}

template <typename List>
bool fits_any(std::string_view name, const List& patterns) {
  return std::any_of(std::begin(patterns), std::end(patterns),
                     [name](std::string_view pattern) { return fits_name(name, pattern); });
}

// The file itself is never the folder. The longest folder comes first; of two as long, the one further up the
// path.
bool find_folder(const Components& parts, Install& found) {
  std::size_t longest = 0;
  for (std::size_t end = 1; end < parts.size(); ++end) {
    for (const auto& [pattern, product] : folders()) {
      if (pattern.size() <= longest || pattern.size() > end) continue;
      if (!fits_at(parts, end - pattern.size(), pattern)) continue;
      longest = pattern.size();
      found = {product, FoundBy::kFolder, end};
    }
  }
  return longest > 0;
}

bool find_layout(const Components& parts, Install& found) {
  for (const auto& [pattern, product] : layouts()) {
    for (std::size_t end = pattern.size(); end < parts.size(); ++end) {
      if (!fits_at(parts, end - pattern.size(), pattern)) continue;
      found = {product, FoundBy::kLayout, end};
      return true;
    }
  }
  const Components extension = components_of(catalogue_data::kExtensionFolder);
  for (std::size_t at = 0; at + extension.size() < parts.size(); ++at) {
    if (!fits_at(parts, at, extension)) continue;
    // A desktop editor keeps its extensions in ~/.vscode/extensions, a portable one in data/extensions.
    if (at > 0 && !fits_any(parts[at - 1], catalogue_data::kForkFolders) &&
        fits_any(parts[at - 1], catalogue_data::kExtensionNotIn))
      return false;
    found = {kUnknownFork, FoundBy::kLayout, at};
    return true;
  }
  return false;
}

bool find_fork_folder(const Components& parts, Install& found) {
  for (std::size_t at = 0; at + 1 < parts.size(); ++at) {
    if (!fits_any(parts[at], catalogue_data::kForkFolders)) continue;
    found = {kUnknownFork, FoundBy::kForkFolder, at + 1};
    return true;
  }
  return false;
}

// A name that the kernel cut within the commit: "code-0123456789".
bool is_cut_cli(std::string_view comm) {
  const std::size_t dash = comm.rfind('-');
  return comm.size() == kCommLength && dash != std::string_view::npos && dash + 1 < comm.size() &&
         comm.find_first_not_of("0123456789abcdef", dash + 1) == std::string_view::npos;
}

std::string_view product_of_cli(std::string_view name) {
  if (fits_name(name, kCliPattern)) name.remove_suffix(kCommitSuffix);
  for (const Named& cli : catalogue_data::kClis)
    if (cli.pattern == name) return cli.product;
  return {};
}

// Whether a folder that holds extensions or modules is on the way to the executable.
bool is_helper(const Components& parts, std::size_t from) {
  for (std::size_t at = from; at + 1 < parts.size(); ++at)
    if (fits_any(parts[at], catalogue_data::kHelperFolders)) return true;
  return false;
}

bool is_executable_of(const Install& install, const Components& parts) {
  const std::string_view name = parts.back();
  const bool is_node = fits_any(name, catalogue_data::kNodeNames);
  const bool is_any_cli = fits_name(name, kCliPattern);
  if (install.by == FoundBy::kForkFolder) return is_node || is_any_cli;
  const std::string_view silly = catalogue_data::kSillyRenamed;
  const bool is_silly = name.size() > silly.size() && name.substr(0, silly.size()) == silly;
  return is_node || is_silly || is_any_cli || !product_of_cli(name).empty() || is_helper(parts, install.end);
}

}  // namespace

std::string_view product_of_exe(std::string_view exe) {
  // The kernel appends this to the link of a replaced executable (proc_pid_exe(5)): an update is not an exit.
  if (exe.size() >= kDeleted.size() && exe.substr(exe.size() - kDeleted.size()) == kDeleted)
    exe.remove_suffix(kDeleted.size());
  // The kernel names every executable from the root.
  if (exe.empty() || exe.front() != '/') return {};
  const Components parts = components_of(exe);
  if (parts.empty()) return {};
  for (const auto& [pattern, product] : programs())
    if (fits_end(parts, pattern)) return product;
  Install install{};
  const bool found =
      find_folder(parts, install) || find_layout(parts, install) || find_fork_folder(parts, install);
  if (found && is_executable_of(install, parts)) return install.product;
  return fits_name(parts.back(), kCliPattern) ? product_of_cli(parts.back()) : std::string_view{};
}

bool may_be_server(std::string_view comm) {
  return is_cut_cli(comm) ||
         std::find(std::begin(kServerNames), std::end(kServerNames), comm) != std::end(kServerNames);
}

}  // namespace reaper
