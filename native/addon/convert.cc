#include "addon/convert.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/proc_dir.h"

namespace reaper {
namespace {

constexpr std::int64_t kMaxPid = std::numeric_limits<pid_t>::max();
constexpr std::int64_t kMaxUid = std::numeric_limits<uid_t>::max();
constexpr std::int64_t kMaxSafeInteger = (std::int64_t{1} << 53) - 1;
constexpr std::int64_t kMaxMilliseconds = 24 * 3600 * 1000;

[[noreturn]] void refuse(const Napi::Value& value, const std::string& name, const char* expected) {
  throw Napi::TypeError::New(value.Env(), name + " must be " + expected);
}

bool to_flag(const Napi::Value& value, const std::string& name) {
  if (!value.IsBoolean()) refuse(value, name, "true or false");
  return value.As<Napi::Boolean>().Value();
}

// Every element through `convert`, named by its place.
template <typename T, typename F>
std::vector<T> to_list(const Napi::Value& value, const std::string& name, F convert) {
  if (!value.IsArray()) refuse(value, name, "an array");
  const auto array = value.As<Napi::Array>();
  std::vector<T> list;
  list.reserve(array.Length());
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::HandleScope scope(value.Env());
    list.push_back(convert(array.Get(i), name + "[" + std::to_string(i) + "]"));
  }
  return list;
}

template <typename T, typename F>
Napi::Array to_array(Napi::Env env, const std::vector<T>& items, F convert) {
  Napi::Array array = Napi::Array::New(env, items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Napi::HandleScope scope(env);
    array.Set(static_cast<std::uint32_t>(i), convert(items[i]));
  }
  return array;
}

// Bytes that are no UTF-8 become U+FFFD (V8's decoder), so any text of a user's choosing can cross.
Napi::Value text(Napi::Env env, const std::string& value) { return Napi::String::New(env, value); }
template <typename T>
Napi::Value number(Napi::Env env, T value) {
  return Napi::Number::New(env, static_cast<double>(value));
}
Napi::Value flag(Napi::Env env, bool value) { return Napi::Boolean::New(env, value); }

template <typename T, typename F>
Napi::Value or_null(Napi::Env env, const std::optional<T>& value, F convert) {
  return value ? convert(env, *value) : env.Null();
}

const char* name_of(ArgvStatus status) {
  switch (status) {
    case ArgvStatus::kRead:
      return "read";
    case ArgvStatus::kEmpty:
      return "empty";
    case ArgvStatus::kTimeout:
      return "timeout";
    case ArgvStatus::kDenied:
      return "denied";
    case ArgvStatus::kGone:
      return "gone";
    case ArgvStatus::kSkipped:
      break;
  }
  return "skipped";
}

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

Napi::Value to_js(Napi::Env env, const Process& process) {
  const auto texts = [env](const std::vector<std::string>& list) {
    return to_array(env, list, [env](const std::string& item) { return text(env, item); });
  };
  const auto four = [](Napi::Env in, const std::array<uid_t, 4>& uids) -> Napi::Value {
    Napi::Array array = Napi::Array::New(in, uids.size());
    for (std::uint32_t i = 0; i < uids.size(); ++i) array.Set(i, number(in, uids[i]));
    return array;
  };
  Napi::Object object = Napi::Object::New(env);
  object.Set("pid", number(env, process.id.pid));
  object.Set("startTime", number(env, process.id.start_time));
  object.Set("ppid", number(env, process.ppid));
  object.Set("pgid", number(env, process.pgid));
  object.Set("sid", number(env, process.sid));
  object.Set("tty", number(env, process.tty));
  object.Set("state", text(env, std::string(1, process.state)));
  object.Set("threads", number(env, process.threads));
  object.Set("rssKiB", number(env, process.rss_kib));
  object.Set("uids", or_null(env, process.uids, four));
  object.Set("uid", number(env, process.uid));
  object.Set("comm", text(env, process.comm));
  object.Set("exe", or_null(env, process.exe, text));
  object.Set("argv", texts(process.argv));
  object.Set("argvStatus", text(env, name_of(process.argv_status)));
  object.Set("argvTruncated", flag(env, process.argv_truncated));
  object.Set("cgroups", process.cgroups ? texts(*process.cgroups) : env.Null());
  object.Set("auditSession", or_null(env, process.audit_session, number<std::uint32_t>));
  object.Set("loginUid", or_null(env, process.login_uid, number<std::uint32_t>));
  object.Set("foreignUserNs", or_null(env, process.foreign_user_ns, flag));
  object.Set("foreignPidNs", or_null(env, process.foreign_pid_ns, flag));
  return object;
}

Napi::Value to_js(Napi::Env env, const Link& link) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", text(env, link.kind == LinkKind::kTcp ? "tcp" : "unix"));
  object.Set("pid", number(env, link.pid));
  object.Set("peerPid", or_null(env, link.peer_pid, number<pid_t>));
  object.Set("local", text(env, link.local));
  object.Set("remote", text(env, link.remote));
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

std::string to_text(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) refuse(value, name, "a string");
  std::string result = value.As<Napi::String>().Utf8Value();
  // A NUL would end the path early in the kernel: another file than the one that was named.
  if (result.find('\0') != std::string::npos) refuse(value, name, "a string without NUL");
  return result;
}

std::int64_t to_whole(const Napi::Value& value, const std::string& name, std::int64_t low,
                      std::int64_t high) {
  if (!value.IsNumber()) refuse(value, name, "a number");
  const double given = value.As<Napi::Number>().DoubleValue();
  if (!(given >= static_cast<double>(low) && given <= static_cast<double>(high)) ||
      std::trunc(given) != given)
    refuse(value, name,
           ("a whole number from " + std::to_string(low) + " to " + std::to_string(high)).c_str());
  return static_cast<std::int64_t>(given);
}

ProcId to_proc_id(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject()) refuse(value, name, "an object {pid, startTime}");
  const auto object = value.As<Napi::Object>();
  ProcId id;
  id.pid = static_cast<pid_t>(to_whole(object.Get("pid"), name + ".pid", 1, kMaxPid));
  id.start_time =
      static_cast<std::uint64_t>(to_whole(object.Get("startTime"), name + ".startTime", 0, kMaxSafeInteger));
  return id;
}

std::vector<ProcId> to_proc_ids(const Napi::Value& value, const std::string& name) {
  return to_list<ProcId>(value, name, to_proc_id);
}

std::vector<pid_t> to_pids(const Napi::Value& value, const std::string& name) {
  return to_list<pid_t>(value, name, [](const Napi::Value& item, const std::string& place) {
    return static_cast<pid_t>(to_whole(item, place, 1, kMaxPid));
  });
}

SnapshotOptions to_snapshot_options(const Napi::Value& value) {
  if (!value.IsObject()) refuse(value, "options", "an object");
  const auto object = value.As<Napi::Object>();
  const auto markers = [&object](const char* key) {
    const std::string name = std::string("options.") + key;
    return to_list<std::string>(object.Get(key), name, [](const Napi::Value& item, const std::string& place) {
      std::string marker = to_text(item, place);
      if (marker.empty()) refuse(item, place, "a string that is not empty");  // it would match everything
      return marker;
    });
  };
  const auto milliseconds = [&object](const char* key) {
    return static_cast<int>(to_whole(object.Get(key), std::string("options.") + key, 0, kMaxMilliseconds));
  };
  SnapshotOptions options;
  options.proc_root = to_text(object.Get("procRoot"), "options.procRoot");
  const Napi::Value uids = object.Get("uids");
  if (!uids.IsNull())
    options.uids =
        to_list<uid_t>(uids, "options.uids", [](const Napi::Value& item, const std::string& place) {
          return static_cast<uid_t>(to_whole(item, place, 0, kMaxUid));
        });
  options.full = to_flag(object.Get("full"), "options.full");
  options.exe_markers = markers("exeMarkers");
  options.interpreters = markers("interpreters");
  options.argv_markers = markers("argvMarkers");
  options.sshd_names = markers("sshdNames");
  options.argv_timeout_ms = milliseconds("argvTimeoutMs");
  options.argv_budget_ms = milliseconds("argvBudgetMs");
  return options;
}

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
  object.Set("processes",
             to_array(env, snapshot.processes, [env](const Process& item) { return to_js(env, item); }));
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
  object.Set("weak", flag(env, result.weak));
  return object;
}

Napi::Error to_error(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.what + ": " + error_text(failure.code));
  error.Set("code", text(env, errno_name(failure.code)));
  return error;
}

}  // namespace reaper
