#include "core/snapshot/snapshot.h"

#include <cerrno>

#include "core/base/clock.h"
#include "core/snapshot/builder.h"

namespace reaper {

std::optional<Failure> SnapshotBuilder::begin() {
  const std::string& root = options_.proc_root;
  out_.taken_at_ms = now_ms(CLOCK_REALTIME);
  out_.uptime_ms = now_ms(CLOCK_BOOTTIME);
  out_.ticks_per_second = sysconf(_SC_CLK_TCK);
  if (root == "/proc" && proc_.is_foreign())
    return Failure{EXDEV,
                   "/proc does not show this program: no proc is mounted there, or that of another pid "
                   "namespace"};

  std::string_view text;
  for (std::size_t i = 0; i < kSpaces.size(); ++i)
    if (proc_.link(proc_.fd(), kSpaces[i], &text) == 0) own_spaces_[i] = text;
  if (const int error = proc_.read(proc_.fd(), "sys/kernel/random/boot_id", &text))
    return Failure{error, "read " + root + "/sys/kernel/random/boot_id"};
  out_.boot_id = std::string(text.substr(0, text.find('\n')));
  if (out_.boot_id.empty() || out_.boot_id.size() > 64) return Failure{EBADMSG, "parse the boot id"};
  const auto pids = proc_.list();
  if (!pids) return pids.failure();
  out_.counts.listed = static_cast<std::uint32_t>(pids.value().size());
  scan(pids.value());
  return std::nullopt;
}

Result<Snapshot> SnapshotBuilder::first_stage() {
  read_sshd();
  read_ancestors();
  auto chain = read_chains();
  if (exhaustion_ != 0) return Failure{exhaustion_, "read the processes"};
  Snapshot first = out_;
  first.chain = std::move(chain);
  return first;
}

Result<Snapshot> SnapshotBuilder::finish(const std::vector<uid_t>& skipped) {
  for (const uid_t user : skipped) suspect_uids_.erase(user);
  read_sshd();
  read_trees();
  read_ancestors();
  read_argv();
  read_environ();
  drop_recycled();
  if (exhaustion_ != 0) return Failure{exhaustion_, "read the processes"};
  out_.counts.read = static_cast<std::uint32_t>(out_.processes.size());
  return std::move(out_);
}

Result<Snapshot> take_snapshot(const SnapshotOptions& options) {
  auto proc = ProcDir::open(options.proc_root);
  if (!proc) return proc.failure();
  auto builder = std::make_shared<SnapshotBuilder>(options, proc.take());
  if (auto failure = builder->begin()) return *failure;
  if (!options.staged || !builder->has_suspects()) return builder->finish({});
  auto first = builder->first_stage();
  if (first) first.value().rest = std::move(builder);
  return first;
}

Result<Snapshot> finish_snapshot(SnapshotBuilder& rest, const std::vector<uid_t>& skipped) {
  return rest.finish(skipped);
}

}  // namespace reaper
