#include "hook/close.h"

#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "hook/survivors.h"
#include "hook/tag.h"
#include "hook/tag_store.h"

namespace reaper::hook {
namespace {

// Guard: all users share /run (a tag is 4 KiB and an inode there). A user at their bound loses tags alone:
// the sweep then takes two looks for the same verdict. The total, 24 MiB, bounds users who act together.
constexpr std::size_t kMaxTagsOfUser = 128;
constexpr std::size_t kMaxTags = 6144;

std::int64_t now_ms(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

CloseReport tag_survivors(const Places& places, ProcDir& proc, const Session& session) {
  CloseReport report;
  report.uid = session.uid;
  SurvivorReport survivors = find_survivors(proc, session.slices, session.uid, getpid());
  report.processes = survivors.processes;
  report.trees = static_cast<unsigned>(survivors.roots.size());
  report.by_cgroup = survivors.by_cgroup;
  report.unreadable = survivors.unreadable;
  report.unreadable_error = survivors.unreadable_error;
  report.faults = std::move(survivors.faults);
  // At each logout, so that the folder holds no more than the living account for.
  TagCount count = prune_tags(places.tag_directory, proc, session.uid);
  if (survivors.roots.empty()) return report;

  std::string_view boot_id;
  const int error = proc.read(proc.fd(), "sys/kernel/random/boot_id", &boot_id);
  if (error != 0) {
    report.faults.push_back({error, "boot_id"});
    return report;
  }
  Result<bool> prepared = prepare_tag_directory(places.tag_directory, places.owner);
  if (!prepared) {
    report.faults.push_back(prepared.failure());
    return report;
  }
  Tag tag;
  tag.boot_id = boot_id.substr(0, boot_id.find('\n'));  // write_tag checks it
  tag.uid = session.uid;
  tag.audit_session = session.audit_session;
  tag.logind_session = session.logind_session;
  tag.remote_host = session.remote_host;
  tag.closed_at_ms = now_ms(CLOCK_REALTIME);
  tag.closed_uptime_ms = now_ms(CLOCK_BOOTTIME);
  for (const Survivor& survivor : survivors.roots) {
    const bool is_new = !has_tag(places.tag_directory, survivor.id);
    if (is_new && count.of_user >= kMaxTagsOfUser) {
      report.faults.push_back({E2BIG, "this user has as many tags as one user may have"});
      break;
    }
    if (is_new && count.all >= kMaxTags) {
      report.faults.push_back({E2BIG, "all users together have as many tags as there may be"});
      break;
    }
    tag.root = survivor.id;
    tag.product = std::string(survivor.product);
    Result<bool> written = write_tag(places.tag_directory, tag);
    if (!written) {
      // What stops one tag (a full disk) stops the next as well.
      report.faults.push_back(written.failure());
      break;
    }
    ++report.tagged;
    count.of_user += is_new ? 1 : 0;
    count.all += is_new ? 1 : 0;
  }
  return report;
}

CloseReport close_session(const Places& places, const ClientText& text) {
  CloseReport report;
  Result<ProcDir> proc = ProcDir::open(places.proc_root);
  if (!proc) {
    report.faults.push_back(proc.failure());
    return report;
  }
  const Result<Session> session = identify(proc.value(), places.cgroup_root, text);
  if (!session) {
    report.faults.push_back(session.failure());
    return report;
  }
  report.uid = session.value().uid;
  if (report.uid == 0 || report.uid < read_uid_min(proc.value(), places.login_defs)) return report;
  return tag_survivors(places, proc.value(), session.value());
}

}  // namespace reaper::hook
