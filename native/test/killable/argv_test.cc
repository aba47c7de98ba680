#include "core/killable/argv.h"

#include <algorithm>
#include <cstddef>

#include "test/killable/helpers.h"
#include "test/killable/host.h"

using namespace reaper;

namespace {

void reads_every_shape() {
  const Host host;
  host.add(10, {"node", "--flag", "", "x y"});
  host.add(11, {});
  host.add(12, {"first", std::string(128 * 1024, 'a')});
  host.add(13, {std::string(40 * 1024, 'b')});
  host.add(14, std::vector<std::string>(5000, ""));
  host.add(15, {std::string(kArgvBytes - 1, 'c')});  // exactly what is kept
  host.add(17, {});
  write_file(host.fixture.path(17, "cmdline"), std::string("a\0title", 7));
  MemoryReader reader = host.reader(2000, 5000);
  std::vector<Fault> faults;
  const auto results = read_argv(
      reader, {{10, 1}, {11, 1}, {12, 1}, {13, 1}, {14, 1}, {15, 1}, {16, 1}, {10, 1}, {17, 1}}, &faults);
  CHECK(faults.empty());
  CHECK(results[0].status == ArgvStatus::kRead && !results[0].truncated);
  CHECK(results[0].argv == std::vector<std::string>({"node", "--flag", "", "x y"}));
  CHECK(results[1].status == ArgvStatus::kEmpty && results[1].argv.empty());
  CHECK(results[2].truncated && results[2].argv == std::vector<std::string>({"first"}));
  CHECK(results[3].status == ArgvStatus::kRead && results[3].truncated && results[3].argv.empty());
  CHECK(results[4].truncated && results[4].argv.size() == kArgvElements);
  CHECK(!results[5].truncated && results[5].argv.size() == 1);
  CHECK(results[6].status == ArgvStatus::kGone);
  CHECK(results[7].argv.size() == 4);
  CHECK(results[8].argv == std::vector<std::string>({"a", "title"}));
  CHECK(collects_helpers());
}

void serves_more_than_one_arena() {
  const Host host;
  host.add(10, {"first", std::string(100 * 1024, 'a')});
  std::vector<ArgvRequest> requests;
  for (uid_t uid = 1; uid <= 5000; ++uid) requests.push_back({10, uid});
  MemoryReader reader = host.reader(2000, 60000);
  std::vector<Fault> faults;
  int read = 0;
  for (const ArgvResult& result : read_argv(reader, requests, &faults))
    read += result.status == ArgvStatus::kRead && result.argv.size() == 1 ? 1 : 0;
  CHECK(read == 5000);
  CHECK(faults.empty() && collects_helpers());
}

void goes_on_after_a_stall() {
  const Host host;
  host.add(10, {"a"});
  host.add(11, {}, true);
  host.add(12, {"c"});
  MemoryReader reader = host.reader(400, 5000);
  std::vector<Fault> faults;
  const auto results = read_argv(reader, {{10, 1}, {11, 1}, {12, 1}}, &faults);
  CHECK(results[0].status == ArgvStatus::kRead);
  CHECK(results[1].status == ArgvStatus::kTimeout && results[1].argv.empty());
  CHECK(results[2].status == ArgvStatus::kRead);
  CHECK(collects_helpers());
  // Later passes do not wait for it again, or its user's time would be spent.
  for (int pass = 0; pass < 10; ++pass)
    CHECK(read_argv(reader, {{11, 1}}, &faults)[0].status == ArgvStatus::kTimeout);
  CHECK(read_argv(reader, {{10, 1}}, &faults)[0].status == ArgvStatus::kRead);
}

void users_take_turns() {
  const Host host;
  host.add(10, {"a"});
  MemoryReader reader = host.reader(2000, 5000);
  std::vector<Fault> faults;
  std::vector<std::size_t> order;
  const auto on_answer = [&order](std::size_t i, int, std::string_view) { order.push_back(i); };
  const std::string path = "10/cmdline";
  reader.read({{path, 1}, {path, 1}, {path, 1}, {path, 2}, {path, 2}, {path, 3}}, on_answer, &faults);
  CHECK((order == std::vector<std::size_t>{0, 3, 5, 1, 4, 2}));
}

// How many of so many files are read that take 50 ms each, of one user or of one each.
int count_slow(int files, bool of_one_user, int timeout_ms) {
  const Host host;
  const auto read_slowly = [](const char*, const MemoryFile&, char*, HelperAnswer*) {
    usleep(50 * 1000);
    return 0;
  };
  MemoryReader reader({"read slowly", 1, 1, read_slowly}, host.proc.fd(), timeout_ms, 60000);
  std::vector<MemoryRequest> requests;
  for (int i = 0; i < files; ++i) requests.push_back({"file", of_one_user ? 0 : static_cast<uid_t>(i)});
  std::vector<Fault> faults;
  int read = 0;
  reader.read(requests, [&read](std::size_t, int error, std::string_view) { read += error == 0; }, &faults);
  CHECK(faults.empty());
  return read;
}

// Guard: only a file that makes no progress has stalled, however many slow ones came before it. But a user
// may keep the reader waiting for three timeouts alone.
void slow_files_have_not_stalled() {
  CHECK(count_slow(16, false, 400) == 16);
  CHECK(count_slow(200, true, 200) < 200);
}

void one_user_cannot_spend_the_time_of_others() {
  const Host host;
  std::vector<ArgvRequest> requests;
  for (pid_t pid = 10; pid < 40; ++pid) {
    host.add(pid, {}, true);
    requests.push_back({pid, 666});
  }
  host.add(50, {"other"});
  host.add(51, {"own"});
  for (int i = 0; i < 31; ++i) requests.push_back({50, 1});  // in turns: the last one comes after all stalls
  requests.push_back({51, 666});
  MemoryReader reader = host.reader(200, 5000);  // for three stalls, and not for thirty
  std::vector<Fault> faults;
  const auto results = read_argv(reader, requests, &faults);
  for (std::size_t i = 0; i < 30; ++i) CHECK(results[i].status == ArgvStatus::kTimeout);
  for (std::size_t i = 30; i < 61; ++i) CHECK(results[i].status == ArgvStatus::kRead);
  CHECK(results[61].status == ArgvStatus::kTimeout);
  CHECK(collects_helpers());
}

// Guard: a user's command lines have a budget, also over several passes; another user's are read all the
// same.
void bytes_are_charged_to_the_user() {
  const Host host;
  host.add(10, {std::string(30000, 'x')});
  host.add(11, std::vector<std::string>(20000, ""));  // 20,000 bytes, which cost 1.3 MB as arguments
  host.add(12, {"modest"});
  const auto count_read = [](const std::vector<ArgvResult>& results) {
    return std::count_if(results.begin(), results.end(),
                         [](const ArgvResult& result) { return result.status == ArgvStatus::kRead; });
  };
  std::vector<Fault> faults;
  std::vector<ArgvRequest> requests(400, ArgvRequest{10, 666});
  requests.push_back({12, 1});
  MemoryReader reader = host.reader(2000, 60000);
  std::vector<ArgvResult> results = read_argv(reader, requests, &faults);
  const auto allowed = static_cast<std::ptrdiff_t>(kArgvUserBudget / 30000) + 1;
  CHECK(count_read(results) >= allowed - 1 && count_read(results) <= allowed + 1);
  CHECK(results[400].status == ArgvStatus::kRead);
  CHECK(results[399].error == EDQUOT && results[399].status == ArgvStatus::kDenied &&
        results[399].argv.empty());
  // A later pass is charged to the same user.
  results = read_argv(reader, {{12, 666}, {12, 1}}, &faults);
  CHECK(results[0].error == EDQUOT && results[1].status == ArgvStatus::kRead);

  MemoryReader fresh = host.reader(2000, 60000);
  results = read_argv(fresh, std::vector<ArgvRequest>(100, ArgvRequest{11, 666}), &faults);
  CHECK(count_read(results) < 10);
  CHECK(faults.empty() && collects_helpers());
}

void the_budget_ends_it() {
  const Host host;
  std::vector<ArgvRequest> requests;
  for (pid_t pid = 10; pid < 60; ++pid) {
    host.add(pid, {}, true);
    requests.push_back({pid, static_cast<uid_t>(pid)});  // each of another user
  }
  host.add(70, {"readable"});
  requests.push_back({70, 70});
  MemoryReader reader = host.reader(100, 400);
  std::vector<Fault> faults;
  const auto results = read_argv(reader, requests, &faults);
  for (const ArgvResult& result : results) CHECK(result.status == ArgvStatus::kTimeout);
  CHECK(read_argv(reader, {{70, 99}}, &faults)[0].status == ArgvStatus::kTimeout);
  MemoryReader none = host.reader(100, 0);
  CHECK(read_argv(none, {{70, 99}}, &faults)[0].status == ArgvStatus::kTimeout);
  CHECK(collects_helpers());
}

// What a helper that hostile input has taken over says of the first file.
struct Lie {
  std::size_t offset;
  std::uint32_t length, done;
  bool is_sound = false;
};
int hijack(const char* path, const MemoryFile& file, char* to, HelperAnswer* answer) {
  auto* arena = reinterpret_cast<MemoryArena*>(to - offsetof(MemoryArena, bytes));
  const Lie& lie = *static_cast<const Lie*>(file.query);
  if (path[0] == '1') {
    arena->slots[0] = {0, static_cast<std::uint32_t>(lie.offset), lie.length, ~0ULL};
    arena->done = lie.done;
    for (;;) pause();
  }
  to[0] = 'x';
  answer->length = 1;
  return 0;
}

// Guard: it never gets outside the arena, nor beyond its own user's answers.
void trusts_no_helper() {
  const Host host;
  for (const Lie& lie : {Lie{kMemoryBytes + 1, 0, 1},
                         {kMemoryBytes - 1, 2, 1},
                         {8, ~0U, 1},
                         {8, ~0U, ~0U},
                         {kMemoryBytes - 1, 1, 1, true},
                         {kMemoryBytes, 0, 1, true}}) {
    const MemoryFile file{"read lies", 64, 1000, hijack, &lie};
    MemoryReader reader(file, host.proc.fd(), 100, 5000);
    std::vector<Fault> faults;
    std::vector<int> errors(2, -1);
    reader.read(
        {{"1", 1}, {"2", 2}},
        [&](std::size_t i, int error, std::string_view text) {
          errors[i] = error;
          CHECK(error != 0 ? text.empty() : i == 1 || text.size() == lie.length);
        },
        &faults);
    CHECK(errors[0] == (lie.is_sound ? 0 : EIO) && errors[1] <= 0 && collects_helpers());
  }
}

}  // namespace

int main() {
  trusts_no_helper();
  reads_every_shape();
  serves_more_than_one_arena();
  goes_on_after_a_stall();
  users_take_turns();
  slow_files_have_not_stalled();
  one_user_cannot_spend_the_time_of_others();
  bytes_are_charged_to_the_user();
  the_budget_ends_it();
  return report("argv");
}
