#include "addon/to_js.h"

#include <cerrno>
#include <initializer_list>
#include <set>
#include <type_traits>
#include <utility>

#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

// In the order of the enumerations.
constexpr const char* kOutcomes[] = {"sent", "gone", "recycled", "foreign", "denied"};
constexpr const char* kKinds[] = {"tcp", "unix", "pipe", "terminal"};
constexpr const char* kDirections[] = {"accepted", "opened", "pair"};
constexpr const char* kArgvStatuses[] = {"read", "empty", "timeout", "denied", "gone", "skipped"};
constexpr const char* kUnreadable[] = {"too-long", "denied"};

template <std::size_t N, typename Enum>
const char* name_of(const char* const (&names)[N], Enum value) {
  return names[static_cast<std::size_t>(value)];
}

// Converts by type; one class, so that every overload sees all others.
class Converter {
 public:
  explicit Converter(Napi::Env env) : env_(env) {}

  Napi::Value value(const char* text) const { return Napi::String::New(env_, text); }
  // V8's decoder turns bytes that are not UTF-8 into U+FFFD, so any text that a user chooses can cross.
  Napi::Value value(const std::string& text) const { return Napi::String::New(env_, text); }
  template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
  Napi::Value value(T plain) const {
    return Napi::Value::From(env_, plain);
  }

  template <typename T>
  Napi::Value value(const std::optional<T>& known) const {
    return known ? value(*known) : env_.Null();
  }

  template <typename T>
  Napi::Value value(const std::vector<T>& items) const {
    Napi::Array array = Napi::Array::New(env_, items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      const Napi::HandleScope scope(env_);
      array.Set(static_cast<std::uint32_t>(i), value(items[i]));
    }
    return array;
  }

  template <typename T>
  Napi::Value value(const std::set<T>& items) const {
    return value(std::vector<T>(items.begin(), items.end()));
  }

  Napi::Value value(const std::array<uid_t, 4>& uids) const {
    return value(std::vector<uid_t>(uids.begin(), uids.end()));
  }

  Napi::Value value(const ProcId& id) const {
    return object({{"pid", value(id.pid)}, {"startTime", value(id.start_time)}});
  }

  Napi::Value value(const Fault& fault) const {
    return object({
        {"what", value(fault.what)},
        {"pid", fault.pid == 0 ? absent() : value(fault.pid)},
        {"uid", fault.uid ? value(*fault.uid) : absent()},
        {"detail", value(fault.detail)},
    });
  }

  Napi::Value value(const Process& process) const {
    const auto& hidden = process.exe_unreadable;
    return object({
        {"pid", value(process.pid)},
        {"startTime", value(process.start_time)},
        {"ppid", value(process.ppid)},
        {"pgid", value(process.pgid)},
        {"sid", value(process.sid)},
        {"tty", value(process.tty)},
        {"state", value(std::string(1, process.state))},
        {"threads", value(process.threads)},
        {"cpuTicks", value(process.cpu_ticks)},
        {"rssKiB", value(process.rss_kib)},
        {"uids", value(process.uids)},
        {"uid", value(process.uid)},
        {"account", process.account != process.uid ? value(process.account) : absent()},
        {"ignoresHangup", value(process.ignores_hangup)},
        {"comm", value(process.comm)},
        {"exe", value(process.exe)},
        {"exeUnreadable", hidden ? value(name_of(kUnreadable, *hidden)) : absent()},
        {"argv", value(process.argv)},
        {"argvStatus", value(name_of(kArgvStatuses, process.argv_status))},
        {"argvTruncated", value(process.argv_truncated)},
        {"jobVariables", process.variables_asked ? value(process.variables) : absent()},
        {"cgroups", value(process.cgroups)},
        {"auditSession", value(process.audit_session)},
        {"loginUid", value(process.login_uid)},
        {"foreignUserNs", value(process.foreign_user_ns)},
        {"foreignPidNs", value(process.foreign_pid_ns)},
        {"foreignMntNs", value(process.foreign_mnt_ns)},
    });
  }

  Napi::Value value(const SnapshotCounts& counts) const {
    return object({
        {"listed", value(counts.listed)},
        {"read", value(counts.read)},
        {"gone", value(counts.gone)},
        {"denied", value(counts.denied)},
        {"malformed", value(counts.malformed)},
        {"timedOut", value(counts.timed_out)},
    });
  }

  Napi::Value value(const Snapshot& snapshot) const {
    return object({
        {"bootId", value(snapshot.boot_id)},
        {"ticksPerSecond", value(snapshot.ticks_per_second)},
        {"uptime", value(snapshot.uptime_ms)},
        {"takenAt", value(snapshot.taken_at_ms)},
        {"processes", value(snapshot.processes)},
        {"overBudget", value(snapshot.over_budget)},
        {"counts", value(snapshot.counts)},
        {"faults", value(snapshot.faults)},
        {"chain", snapshot.rest ? value(snapshot.chain) : absent()},
        {"rest", snapshot.rest ? value(snapshot.rest) : absent()},
    });
  }

  Napi::Value value(const ChainProcess& one) const {
    return object({
        {"pid", value(one.pid)},
        {"startTime", value(one.start_time)},
        {"ppid", value(one.ppid)},
        {"uid", value(one.uid)},
        {"suspect", value(one.suspect)},
    });
  }

  Napi::Value value(const SnapshotRest& rest) const {
    return Napi::External<SnapshotRest>::New(env_, new SnapshotRest(rest),
                                             [](Napi::Env, SnapshotRest* held) { delete held; });
  }

  Napi::Value value(const Connection& each) const {
    return object({
        {"kind", value(name_of(kKinds, each.kind))},
        {"direction", value(name_of(kDirections, each.direction))},
        {"near", value(each.near)},
        {"far", value(each.far)},
        {"local", value(each.local)},
        {"remote", value(each.remote)},
        {"otherHost", each.other_host ? value(true) : absent()},
        {"farUid", value(each.far_uid)},
        {"idle", value(each.idle)},
    });
  }

  Napi::Value value(const OtherNet& net) const {
    return object(
        {{"id", value(net.id)}, {"pids", value(net.pids)}, {"onlyLoopback", value(net.only_loopback)}});
  }

  Napi::Value value(const Unlisted& socket) const {
    return object({{"pid", value(socket.pid)}, {"net", value(socket.net)}});
  }

  Napi::Value value(const Connections& found) const {
    return object({
        {"complete", value(found.complete)},
        {"connections", value(found.connections)},
        {"unreadable", value(found.unreadable)},
        {"unlisted", value(found.unlisted)},
        {"otherNets", value(found.other_nets)},
        {"established",
         object({{"tcp", value(found.established_tcp)}, {"unix", value(found.established_unix)}})},
        {"faults", value(found.faults)},
    });
  }

  Napi::Value value(const SignalResult& result) const {
    return object({{"outcome", value(name_of(kOutcomes, result.outcome))}, {"weak", value(result.weak)}});
  }

 private:
  // An object without the keys whose value is absent.
  Napi::Value object(std::initializer_list<std::pair<const char*, Napi::Value>> fields) const {
    Napi::Object made = Napi::Object::New(env_);
    for (const auto& [key, field] : fields)
      if (!field.IsUndefined()) made.Set(key, field);
    return made;
  }

  Napi::Value absent() const { return env_.Undefined(); }

  Napi::Env env_;
};

// glibc names errnos since 2.32 only; the addon must load on 2.28.
std::string errno_name(int error) {
#define NAME(error) {error, #error}
  // Those that src/shell and its messages tell apart.
  static constexpr std::pair<int, const char*> kNames[] = {
      NAME(EPERM),  NAME(ENOENT), NAME(ENOMEM), NAME(EACCES),  NAME(EXDEV),  NAME(EINVAL),
      NAME(ENFILE), NAME(EMFILE), NAME(ELOOP),  NAME(EBADMSG), NAME(ENOTSUP)};
#undef NAME
  for (const auto& known : kNames)
    if (known.first == error) return known.second;
  return "ERRNO_" + std::to_string(error);
}

}  // namespace

Napi::Value to_js(Napi::Env env, const std::vector<ProcId>& ids) { return Converter(env).value(ids); }
Napi::Value to_js(Napi::Env env, const Snapshot& snapshot) { return Converter(env).value(snapshot); }
Napi::Value to_js(Napi::Env env, const Connections& found) { return Converter(env).value(found); }
Napi::Value to_js(Napi::Env env, const SignalResult& result) { return Converter(env).value(result); }

Napi::Error to_error(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.what + ": " + error_text(failure.code));
  error.Set("code", Napi::String::New(env, errno_name(failure.code)));
  return error;
}

}  // namespace reaper
