#include "core/proc/proc_dir.h"

#include <sys/mman.h>

#include <vector>

#include "test/child.h"
#include "test/proc_fixture.h"
#include "test/refuse.h"

using namespace reaper;

namespace {

// Guard: a file of many records is read to its end, and one beyond the limit is not cut.
void reads_whole_files() {
  for (int i = 0; i < 300; ++i)  // lines of /proc/self/maps
    CHECK(mmap(nullptr, 8192, i % 2 == 0 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
          MAP_FAILED);
  auto proc = ProcDir::open("/proc").take();
  std::string_view text;
  CHECK(proc.read(proc.fd(), "self/maps", &text, ProcDir::Records::kMany) == 0);
  CHECK(text.size() > 10000 && text.find("[stack]") != std::string_view::npos && text.back() == '\n');

  const ProcFixture fixture;
  write_file(fixture.root() + "/file", std::string(10000, 'x'));
  auto built = ProcDir::open(fixture.root()).take();
  CHECK(built.read(built.fd(), "file", &text) == 0 && text.size() == 10000);
  for (const std::size_t most : {1, 9999, 10000})
    CHECK(built.read(built.fd(), "file", &text, ProcDir::Records::kMany, most) == EFBIG);
  CHECK(built.read(built.fd(), "file", &text, ProcDir::Records::kMany, 10001) == 0 && text.size() == 10000);
  for (const std::size_t size : {0, 4095, 4096, 4097, 16384}) {
    write_file(fixture.root() + "/file", std::string(size, 'x'));
    auto fresh = ProcDir::open(fixture.root()).take();
    for (const auto records : {ProcDir::Records::kOne, ProcDir::Records::kMany})
      CHECK(fresh.read(fresh.fd(), "file", &text, records) == 0 && text.size() == size);
  }
  std::filesystem::create_symlink("file", fixture.root() + "/link");
  CHECK(built.read(built.fd(), "link", &text) == ELOOP);
}

// What the kernel answers in place of a text is an errno, and no empty text.
void a_failed_read_is_no_empty_file() {
  auto proc = ProcDir::open("/proc").take();
  std::string_view text = "unchanged", target;
  CHECK(proc.read(proc.fd(), "self/mem", &text) == EIO);  // its first page is never mapped
  CHECK(proc.read(proc.fd(), "self", &text) == ELOOP && proc.read(proc.fd(), "none", &text) == ENOENT);
  CHECK(text == "unchanged");
  uid_t uid = 0;
  CHECK(proc.owner(getpid(), &uid) == 0 && uid == geteuid() && proc.owner(-5, &uid) == ENOENT);
  CHECK(proc.link(proc.fd(), "none", &target) == ENOENT && proc.link(proc.fd(), "stat", &target) == EINVAL);
  const ProcFixture fixture;
  auto built = ProcDir::open(fixture.root()).take();
  UniqueFd folder;
  CHECK(!ProcDir::open(fixture.root() + "/none").ok());
  CHECK(built.pin(100, &folder) == ENOENT && !folder.valid());
  fixture.add({});
  CHECK(built.pin(100, &folder) == 0 && (fcntl(folder.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((fcntl(built.fd(), F_GETFD) & FD_CLOEXEC) != 0);
  // Guard: the reader does not take a link for a process.
  std::filesystem::create_directory_symlink("100", fixture.root() + "/101");
  CHECK(built.pin(101, &folder) != 0);
  for (const int error : {EACCES, EIO})
    CHECK(exit_of([&] {
            auto opened = ProcDir::open("/proc").take();
            return refuse({{SYS_read, error}}) && opened.read(opened.fd(), "self/stat", &text) == error ? 0
                                                                                                        : 1;
          }) == 0);
}

// Guard: a host whose processes cannot be listed is not one without processes.
void a_failed_list_is_no_empty_host() {
  const Refusal refusals[] = {{SYS_openat, EMFILE}, {SYS_getdents64, EIO}};
  for (const Refusal& each : refusals)
    CHECK(exit_of([&each] {
            const auto proc = ProcDir::open("/proc").take();
            if (!refuse({each})) return 2;
            const auto pids = proc.list();
            return !pids && pids.failure().code == each.error ? 0 : 1;
          }) == 0);
}

// A signal that interrupts an open or a read ends neither. The file is a pipe, whose writer sends the signal
// whenever the reader waits.
void goes_on_after_an_interruption() {
  const ProcFixture fixture;
  const std::string path = fixture.root() + "/pipe";
  CHECK(mkfifo(path.c_str(), 0600) == 0);
  struct sigaction action{};
  action.sa_handler = [](int) {};
  CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);  // without SA_RESTART
  const pid_t reader = getpid();
  const pid_t writer = fork();
  if (writer == 0) {
    const auto interrupt = [reader] {
      auto proc = ProcDir::open("/proc").take();
      for (Stat stat; stat.state != 'S';) proc.read_stat(reader, -1, &stat);
      kill(reader, SIGUSR1);
    };
    interrupt();
    const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (write(fd, "ab", 2) != 2) _exit(1);
    interrupt();
    _exit(write(fd, "cd", 2) == 2 ? 0 : 1);
  }
  auto proc = ProcDir::open(fixture.root()).take();
  std::string_view text;
  CHECK(proc.read(proc.fd(), "pipe", &text, ProcDir::Records::kMany) == 0 && text == "abcd");
  waitpid(writer, nullptr, 0);
}

// Guard: where proc is another pid namespace's, or none, its numbers are not this program's.
void knows_a_foreign_proc() {
  const ProcFixture fixture;
  auto proc = ProcDir::open(fixture.root()).take();
  const std::string self = fixture.root() + "/self";
  std::filesystem::remove_all(self);
  CHECK(proc.is_foreign());
  for (const bool own : {true, false}) {
    std::filesystem::remove(self);
    std::filesystem::create_symlink(std::to_string(getpid() + (own ? 0 : 1)), self);
    CHECK(proc.is_foreign() == !own);
  }
  CHECK(!ProcDir::open("/proc").value().is_foreign());
}

void says_what_an_errno_means() {
  CHECK(error_text(EBADMSG) == "the kernel's file is malformed or cut");
  CHECK(error_text(ETIMEDOUT) == "no answer in time");
  CHECK(error_text(ENOENT) == "No such file or directory");
  for (const int error : {ENOENT, ESRCH}) CHECK(is_gone(error) && !is_denied(error) && !is_exhausted(error));
  for (const int error : {EACCES, EPERM}) CHECK(!is_gone(error) && is_denied(error) && !is_exhausted(error));
  for (const int error : {EMFILE, ENFILE, ENOMEM})
    CHECK(!is_gone(error) && !is_denied(error) && is_exhausted(error));
  CHECK(!is_gone(EIO) && !is_denied(EIO) && !is_exhausted(EIO));
}

void takes_no_cut_link_and_no_other_process() {
  const ProcFixture fixture;
  FakeProcess fake;
  fake.exe = "/" + std::string(4094, 'x');
  fixture.add(fake);
  auto proc = ProcDir::open(fixture.root()).take();
  std::string_view target;
  CHECK(proc.link_of(fake.pid, "exe", &target) == 0 && target.size() == 4095);
  Stat stat;
  CHECK(proc.read_stat(fake.pid, -1, &stat) == 0 && stat.start_time == fake.start_time);
  fake.pid = 101;
  write_file(fixture.path(100, "stat"), stat_line(fake));
  CHECK(proc.read_stat(100, -1, &stat) == EBADMSG);
  CHECK(proc.list().value() == std::vector<pid_t>{100});
}

}  // namespace

int main() {
  reads_whole_files();
  a_failed_read_is_no_empty_file();
  a_failed_list_is_no_empty_host();
  goes_on_after_an_interruption();
  knows_a_foreign_proc();
  says_what_an_errno_means();
  takes_no_cut_link_and_no_other_process();
  return report("proc_dir");
}
