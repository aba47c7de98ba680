#include "addon/to_js.h"

#include <cerrno>

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

const char* name_of(ConnectionSource source) {
  switch (source) {
    case ConnectionSource::kNetlink:
      return "netlink";
    case ConnectionSource::kProc:
      return "proc";
    case ConnectionSource::kNone:
      break;
  }
  return "none";
}

Napi::Value to_js(Napi::Env env, const Fault& fault) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("what", text(env, fault.what));
  if (fault.pid != 0) object.Set("pid", number(env, fault.pid));
  object.Set("detail", text(env, fault.detail));
  return object;
}

Napi::Value to_js(Napi::Env env, const std::vector<Fault>& faults) {
  return to_array(env, faults, [env](const Fault& fault) { return to_js(env, fault); });
}

Napi::Value to_js(Napi::Env env, const Link& link) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", text(env, link.kind == LinkKind::kTcp ? "tcp" : "unix"));
  object.Set("pid", number(env, link.pid));
  object.Set("peerPid", or_null(env, link.peer_pid, number<pid_t>));
  object.Set("local", text(env, link.local));
  object.Set("remote", text(env, link.remote));
  object.Set("sockets", number(env, link.sockets));
  return object;
}

Napi::Value to_js(Napi::Env env, const Tag& tag) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("schemaVersion", number(env, 1));
  object.Set("bootId", text(env, tag.boot_id));
  object.Set("uid", number(env, tag.uid));
  object.Set("root", reaper::to_js(env, tag.root));
  object.Set("auditSession", or_null(env, tag.audit_session, number<std::uint32_t>));
  object.Set("logindSession", or_null(env, tag.logind_session, text));
  object.Set("closedAt", number(env, tag.closed_at_ms));
  object.Set("closedUptime", number(env, tag.closed_uptime_ms));
  object.Set("product", text(env, tag.product));
  object.Set("remoteHost", or_null(env, tag.remote_host, text));
  return object;
}

// {results: [{pid, startTime, KEY: the fact or null}], faults}
template <typename T, typename F>
Napi::Value facts(Napi::Env env, const MemoryFacts<T>& found, const char* key, F convert) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("results", to_array(env, found.results, [&](const auto& item) {
               Napi::Object entry = reaper::to_js(env, item.id).template As<Napi::Object>();
               entry.Set(key, or_null(env, item.fact, convert));
               return entry;
             }));
  object.Set("faults", to_js(env, found.faults));
  return object;
}

// glibc names errnos since 2.32 only; the addon must load on 2.28.
std::string errno_name(int error) {
  static const struct {
    int error;
    const char* name;
  } kNames[] = {{EPERM, "EPERM"},
                {ENOENT, "ENOENT"},
                {ESRCH, "ESRCH"},
                {EINTR, "EINTR"},
                {EIO, "EIO"},
                {EBADF, "EBADF"},
                {EAGAIN, "EAGAIN"},
                {ENOMEM, "ENOMEM"},
                {EACCES, "EACCES"},
                {EBUSY, "EBUSY"},
                {EEXIST, "EEXIST"},
                {EXDEV, "EXDEV"},
                {ENOTDIR, "ENOTDIR"},
                {EISDIR, "EISDIR"},
                {EINVAL, "EINVAL"},
                {ENFILE, "ENFILE"},
                {EMFILE, "EMFILE"},
                {EFBIG, "EFBIG"},
                {ENOSPC, "ENOSPC"},
                {EROFS, "EROFS"},
                {ERANGE, "ERANGE"},
                {ENOSYS, "ENOSYS"},
                {ELOOP, "ELOOP"},
                {EBADMSG, "EBADMSG"},
                {EDQUOT, "EDQUOT"},
                {ENOBUFS, "ENOBUFS"},
                {ENOTSUP, "ENOTSUP"},
                {ETIMEDOUT, "ETIMEDOUT"},
                {EOVERFLOW, "EOVERFLOW"},
                {ESTALE, "ESTALE"},
                {ENXIO, "ENXIO"},
                {ENODEV, "ENODEV"},
                {ENAMETOOLONG, "ENAMETOOLONG"},
                {ENOTEMPTY, "ENOTEMPTY"},
                {EPROTO, "EPROTO"}};
  for (const auto& known : kNames)
    if (known.error == error) return known.name;
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
  object.Set("source", text(env, name_of(connections.source)));
  object.Set("links", to_array(env, connections.links, [env](const Link& link) { return to_js(env, link); }));
  object.Set("unreadable", pids(connections.unreadable));
  object.Set("foreignNet", pids(connections.foreign_net));
  object.Set("established", established);
  object.Set("faults", to_js(env, connections.faults));
  return object;
}

Napi::Value to_js(Napi::Env env, const TagListing& listing) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("tags", to_array(env, listing.tags, [env](const Tag& tag) { return to_js(env, tag); }));
  object.Set("faults", to_js(env, listing.faults));
  return object;
}

Napi::Value to_js(Napi::Env env, const SignalResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("outcome", text(env, name_of(result.outcome)));
  object.Set("weak", flag(env, result.weak()));
  return object;
}

Napi::Value to_js(Napi::Env env, const MemoryFacts<std::vector<std::string>>& environs) {
  return facts(env, environs, "names",
               [](Napi::Env in, const std::vector<std::string>& names) -> Napi::Value {
                 return to_array(in, names, [in](const std::string& name) { return text(in, name); });
               });
}

Napi::Value to_js(Napi::Env env, const MemoryFacts<std::int64_t>& pss) {
  return facts(env, pss, "pssKiB", number<std::int64_t>);
}

Napi::Error to_error(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.what + ": " + error_text(failure.code));
  error.Set("code", text(env, errno_name(failure.code)));
  return error;
}

}  // namespace reaper
