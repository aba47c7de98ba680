#include "addon/to_js.h"

#include <cerrno>
#include <utility>

#include "addon/values.h"
#include "core/proc/proc_dir.h"

namespace reaper {
namespace {

const char* name_of(SignalOutcome outcome) {
  switch (outcome) {
    case SignalOutcome::kSent:
      return "sent";
    case SignalOutcome::kGone:
      return "gone";
    case SignalOutcome::kRecycled:
      return "recycled";
    case SignalOutcome::kForeign:
      return "foreign";
    case SignalOutcome::kDenied:
      break;
  }
  return "denied";
}

const char* name_of(LinkKind kind) {
  if (kind == LinkKind::kPipe) return "pipe";
  return kind == LinkKind::kTcp ? "tcp" : "unix";
}

const char* name_of(LinkDirection direction) {
  if (direction == LinkDirection::kUnknown) return "unknown";
  return direction == LinkDirection::kAccepted ? "accepted" : "opened";
}

Napi::Value to_js(Napi::Env env, const Fault& fault) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("what", text(env, fault.what));
  if (fault.pid != 0) object.Set("pid", number(env, fault.pid));
  if (fault.uid) object.Set("uid", number(env, *fault.uid));
  object.Set("detail", text(env, fault.detail));
  return object;
}

Napi::Value to_js(Napi::Env env, const std::vector<Fault>& faults) {
  return to_array(env, faults, [env](const Fault& fault) { return to_js(env, fault); });
}

Napi::Value to_js(Napi::Env env, const Link& link) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", text(env, name_of(link.kind)));
  object.Set("pid", number(env, link.pid));
  object.Set("peerPid", or_null(env, link.peer_pid, number<pid_t>));
  object.Set("local", text(env, link.local));
  object.Set("remote", text(env, link.remote));
  object.Set("sockets", number(env, link.sockets));
  object.Set("direction", text(env, name_of(link.direction)));
  if (link.other_host) object.Set("otherHost", flag(env, true));
  return object;
}

// glibc names errnos since 2.32 only; the addon must load on 2.28.
std::string errno_name(int error) {
#define NAME(error) {error, #error}
  static constexpr std::pair<int, const char*> kNames[] = {
      NAME(EPERM),   NAME(ENOENT),  NAME(ESRCH),        NAME(EINTR),     NAME(EIO),       NAME(EBADF),
      NAME(EAGAIN),  NAME(ENOMEM),  NAME(EACCES),       NAME(EBUSY),     NAME(EEXIST),    NAME(EXDEV),
      NAME(ENOTDIR), NAME(EISDIR),  NAME(EINVAL),       NAME(ENFILE),    NAME(EMFILE),    NAME(EFBIG),
      NAME(ENOSPC),  NAME(EROFS),   NAME(ERANGE),       NAME(ENOSYS),    NAME(ELOOP),     NAME(EBADMSG),
      NAME(EDQUOT),  NAME(ENOBUFS), NAME(ENOTSUP),      NAME(ETIMEDOUT), NAME(EOVERFLOW), NAME(ESTALE),
      NAME(ENXIO),   NAME(ENODEV),  NAME(ENAMETOOLONG), NAME(ENOTEMPTY), NAME(EPROTO)};
#undef NAME
  for (const auto& known : kNames)
    if (known.first == error) return known.second;
  return "ERRNO_" + std::to_string(error);
}

}  // namespace

Napi::Value to_js(Napi::Env env, const ProcId& id) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("pid", number(env, id.pid));
  object.Set("startTime", number(env, id.start_time));
  return object;
}

Napi::Value to_js(Napi::Env env, const std::vector<ProcId>& ids) {
  return to_array(env, ids, [env](const ProcId& id) { return to_js(env, id); });
}

Napi::Value to_js(Napi::Env env, const Snapshot& snapshot) {
  Napi::Object counts = Napi::Object::New(env);
  counts.Set("listed", number(env, snapshot.counts.listed));
  counts.Set("read", number(env, snapshot.counts.read));
  counts.Set("gone", number(env, snapshot.counts.gone));
  counts.Set("denied", number(env, snapshot.counts.denied));
  counts.Set("malformed", number(env, snapshot.counts.malformed));
  counts.Set("timedOut", number(env, snapshot.counts.timed_out));
  Napi::Object object = Napi::Object::New(env);
  object.Set("bootId", text(env, snapshot.boot_id));
  object.Set("ticksPerSecond", number(env, snapshot.ticks_per_second));
  object.Set("uptime", number(env, snapshot.uptime_ms));
  object.Set("takenAt", number(env, snapshot.taken_at_ms));
  object.Set("processes", to_js(env, snapshot.processes));
  object.Set("overBudget",
             to_array(env, snapshot.over_budget, [env](uid_t uid) { return number(env, uid); }));
  object.Set("counts", counts);
  object.Set("faults", to_js(env, snapshot.faults));
  return object;
}

Napi::Value to_js(Napi::Env env, const Connections& connections) {
  const auto pids = [env](const std::vector<pid_t>& list) {
    return to_array(env, list, [env](pid_t pid) { return number(env, pid); });
  };
  Napi::Object established = Napi::Object::New(env);
  established.Set("tcp", number(env, connections.established_tcp));
  established.Set("unix", number(env, connections.established_unix));
  Napi::Object object = Napi::Object::New(env);
  object.Set("complete", flag(env, connections.complete));
  object.Set("source", text(env, connections.refused ? "none" : "netlink"));
  object.Set("links", to_array(env, connections.links, [env](const Link& link) { return to_js(env, link); }));
  object.Set("unreadable", pids(connections.unreadable));
  object.Set("foreignNet", pids(connections.foreign_net));
  object.Set("unexplained", pids(connections.unexplained));
  object.Set("datagram", pids(connections.datagram));
  object.Set("established", established);
  object.Set("faults", to_js(env, connections.faults));
  return object;
}

Napi::Value to_js(Napi::Env env, const SignalResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("outcome", text(env, name_of(result.outcome)));
  object.Set("weak", flag(env, result.weak()));
  return object;
}

Napi::Value to_js(Napi::Env env, const EnvironNames& found) {
  const auto names = [](Napi::Env in, const std::vector<std::string>& list) -> Napi::Value {
    return to_array(in, list, [in](const std::string& name) { return text(in, name); });
  };
  Napi::Object object = Napi::Object::New(env);
  object.Set("results", to_array(env, found.results, [&](const EnvironNames::Item& item) {
               Napi::Object entry = to_js(env, item.id).As<Napi::Object>();
               entry.Set("names", or_null(env, item.names, names));
               return entry;
             }));
  object.Set("faults", to_js(env, found.faults));
  return object;
}

Napi::Error to_error(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.what + ": " + error_text(failure.code));
  error.Set("code", text(env, errno_name(failure.code)));
  return error;
}

}  // namespace reaper
