#include "hook/tag_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "core/base/fd.h"
#include "test/check.h"

namespace {

namespace fs = std::filesystem;
using namespace reaper;
using namespace reaper::hook;

constexpr uid_t kStranger = 4321;

class Folder {
 public:
  Folder() {
    std::string name = "/tmp/tag-store-test-XXXXXX";
    CHECK(mkdtemp(name.data()) != nullptr);
    path_ = name;
    tags_ = path_ + "/run/tags";
  }
  ~Folder() { fs::remove_all(path_); }
  const std::string& path() const { return path_; }
  const std::string& tags() const { return tags_; }
  std::string in_tags(const std::string& name) const { return tags_ + "/" + name; }
  std::size_t files() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(tags_)) ++count;
    return count;
  }

 private:
  std::string path_, tags_;
};

Tag tag_of(pid_t pid, std::uint64_t start_time) {
  Tag tag;
  tag.boot_id = "6a7b8c9d-0123-4567-89ab-cdef01234567";
  tag.uid = 1001;
  tag.root = {pid, start_time};
  tag.product = "vscode";
  tag.closed_at_ms = 5;
  return tag;
}

void put(const std::string& path, const std::string& text, mode_t mode = 0600) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  CHECK(fd.valid() && write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  CHECK(fchmod(fd.get(), mode) == 0);
}

int code_of(const Result<bool>& result) { return result.ok() ? 0 : result.failure().code; }

std::string read_whole(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void test_life() {
  const Folder folder;
  CHECK(code_of(write_tag(folder.tags(), tag_of(7, 1))) == ENOENT);
  CHECK(prepare_tag_directory(folder.tags(), geteuid()).ok());
  CHECK(prepare_tag_directory(folder.tags(), geteuid()).ok());
  struct stat info{};
  CHECK(stat(folder.tags().c_str(), &info) == 0 && (info.st_mode & 07777) == 0700);

  CHECK(write_tag(folder.tags(), tag_of(9, 2)).ok());
  CHECK(write_tag(folder.tags(), tag_of(7, 1)).ok());
  Tag later = tag_of(7, 1);
  later.closed_at_ms = 6;
  CHECK(write_tag(folder.tags(), later).ok());
  CHECK(folder.files() == 2);
  CHECK(stat(folder.in_tags("7-1.json").c_str(), &info) == 0 && (info.st_mode & 07777) == 0600);
  CHECK(read_whole(folder.in_tags("7-1.json")) == encode_tag(later).value());
  CHECK(read_whole(folder.in_tags("9-2.json")) == encode_tag(tag_of(9, 2)).value());

  Tag wrong = tag_of(8, 1);
  wrong.boot_id = "no boot";
  CHECK(code_of(write_tag(folder.tags(), wrong)) == EINVAL && folder.files() == 2);
}

// Every use of the directory refuses it, not only its making.
void expect_refused(const std::string& tags, int code) {
  CHECK(code_of(prepare_tag_directory(tags, geteuid())) == code);
  CHECK(code_of(write_tag(tags, tag_of(7, 1))) == code);
}

void test_hostile_directory() {
  const Folder folder;
  CHECK(prepare_tag_directory(folder.tags(), geteuid()).ok());
  CHECK(write_tag(folder.tags(), tag_of(7, 1)).ok());
  for (const mode_t mode : {0701, 0710, 0720, 0755, 01777}) {
    // The group of a folder of root's is root's choice: the account that the sweep runs as.
    if (geteuid() == 0 && (mode & 07) == 0) continue;
    CHECK(chmod(folder.tags().c_str(), mode) == 0);
    expect_refused(folder.tags(), EPERM);
  }
  CHECK(chmod(folder.tags().c_str(), 0700) == 0);

  const std::string link = folder.path() + "/link";
  CHECK(symlink(folder.tags().c_str(), link.c_str()) == 0);
  expect_refused(link, ENOTDIR);
  const std::string file = folder.path() + "/file";
  put(file, "");
  expect_refused(file, ENOTDIR);

  // The folder above: other users cannot put a directory of their own in its place.
  const std::string parent = folder.path() + "/run";
  CHECK(chmod(parent.c_str(), 0777) == 0);
  CHECK(code_of(prepare_tag_directory(folder.tags(), geteuid())) == EPERM);
  CHECK(chmod(parent.c_str(), 0755) == 0);
  CHECK(prepare_tag_directory(folder.tags(), geteuid()).ok());
  const std::string parent_link = folder.path() + "/run-link";
  CHECK(symlink(parent.c_str(), parent_link.c_str()) == 0);
  CHECK(code_of(prepare_tag_directory(parent_link + "/tags", geteuid())) == ENOTDIR);

  if (geteuid() != 0) {
    CHECK(code_of(prepare_tag_directory(folder.tags(), geteuid() + 1)) == EPERM);
    std::fprintf(stderr, "SKIPPED: a directory of another owner (not root)\n");
    return;
  }
  CHECK(chown(folder.tags().c_str(), kStranger, kStranger) == 0);
  expect_refused(folder.tags(), EPERM);
}

// A tag of an ended process goes by its file's name; the start time of another user's process is not read.
void test_prune() {
  const Folder folder;
  CHECK(prepare_tag_directory(folder.tags(), geteuid()).ok());
  const std::string root = folder.path() + "/proc";
  fs::create_directories(root + "/7");
  const std::string stat = "7 (node) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 1 1 1\n";
  put(root + "/7/stat", stat);
  Result<ProcDir> proc = ProcDir::open(root);
  CHECK(proc.ok());
  for (const auto& [pid, start] : {std::pair<pid_t, std::uint64_t>{7, 100}, {7, 99}, {8, 100}})
    CHECK(write_tag(folder.tags(), tag_of(pid, start)).ok());
  put(folder.in_tags("note"), "");
  put(folder.in_tags("9-1.json.bak"), "");
  const TagCount others = prune_tags(folder.tags(), proc.value(), geteuid() + 1);
  CHECK(others.all == 2 && others.of_user == 0 && folder.files() == 4);
  const TagCount own = prune_tags(folder.tags(), proc.value(), geteuid());
  CHECK(own.all == 1 && own.of_user == 1 && folder.files() == 3);
  CHECK(has_tag(folder.tags(), {7, 100}) && !has_tag(folder.tags(), {7, 99}));
  const TagCount none = prune_tags(folder.path() + "/absent", proc.value(), geteuid());
  CHECK(none.all == 0 && none.of_user == 0);
}

// Guard: a planted link is replaced and not followed, under the tag's name and under the temporary one. What
// a dead writer with this pid left behind does not stop a tag.
void test_hostile_files() {
  const Folder folder;
  CHECK(prepare_tag_directory(folder.tags(), geteuid()).ok());
  const std::string victim = folder.path() + "/victim";
  put(victim, "precious");
  const std::string temporary = ".7-1.json." + std::to_string(getpid()) + ".tmp";
  for (const std::string& name : {std::string("7-1.json"), temporary})
    CHECK(symlink(victim.c_str(), folder.in_tags(name).c_str()) == 0);
  CHECK(write_tag(folder.tags(), tag_of(7, 1)).ok());
  CHECK(fs::is_regular_file(fs::symlink_status(folder.in_tags("7-1.json"))));
  CHECK(fs::file_size(victim) == 8 && folder.files() == 1);
}

// A disk that takes only the first bytes: the earlier tag stays whole and nothing else is left.
void test_full_disk() {
  const Folder folder;
  CHECK(prepare_tag_directory(folder.tags(), geteuid()).ok());
  CHECK(write_tag(folder.tags(), tag_of(7, 1)).ok());
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{20, 20};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
    _exit(code_of(write_tag(folder.tags(), tag_of(7, 1))) == EFBIG ? 0 : 1);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(folder.files() == 1);
  CHECK(read_whole(folder.in_tags("7-1.json")) == encode_tag(tag_of(7, 1)).value());
}

// Several hooks at once on the same process, and a reader: a tag is there whole or not at all.
void test_concurrent_writers() {
  const Folder folder;
  CHECK(prepare_tag_directory(folder.tags(), geteuid()).ok());
  constexpr int kWriters = 4;
  pid_t writers[kWriters];
  for (pid_t& writer : writers) {
    writer = fork();
    if (writer != 0) continue;
    for (int i = 0; i < 500; ++i) {
      if (!write_tag(folder.tags(), tag_of(7, 1)).ok()) _exit(1);
    }
    _exit(0);
  }
  for (int i = 0; i < 200; ++i) {
    const std::string text = read_whole(folder.in_tags("7-1.json"));
    CHECK(text.empty() || text == encode_tag(tag_of(7, 1)).value());
  }
  for (const pid_t writer : writers) {
    int status = -1;
    CHECK(waitpid(writer, &status, 0) == writer && status == 0);
  }
  CHECK(folder.files() == 1);
}

std::size_t open_files() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

}  // namespace

int main() {
  const std::size_t before = open_files();
  test_life();
  test_hostile_directory();
  test_hostile_files();
  test_prune();
  test_full_disk();
  test_concurrent_writers();
  CHECK(open_files() == before);
  return report("tag_store");
}
