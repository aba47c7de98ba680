#include "core/proc/proc_dir.h"

#include <sys/mman.h>

#include <vector>

#include "test/child.h"
#include "test/proc_fixture.h"

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
  std::filesystem::create_symlink("file", fixture.root() + "/link");
  CHECK(built.read(built.fd(), "link", &text) == ELOOP);
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
  takes_no_cut_link_and_no_other_process();
  return report("proc_dir");
}
