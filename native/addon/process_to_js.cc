// Converts the processes of a snapshot, which are most of what crosses to JavaScript.
#include <array>

#include "addon/to_js.h"
#include "addon/values.h"

namespace reaper {
namespace {

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

Napi::Value texts(Napi::Env env, const std::vector<std::string>& list) {
  return to_array(env, list, [env](const std::string& item) { return text(env, item); });
}

Napi::Value four(Napi::Env env, const std::array<uid_t, 4>& uids) {
  Napi::Array array = Napi::Array::New(env, uids.size());
  for (std::uint32_t i = 0; i < uids.size(); ++i) array.Set(i, number(env, uids[i]));
  return array;
}

Napi::Value to_js(Napi::Env env, const Process& process) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("pid", number(env, process.id.pid));
  object.Set("startTime", number(env, process.id.start_time));
  object.Set("ppid", number(env, process.ppid));
  object.Set("pgid", number(env, process.pgid));
  object.Set("sid", number(env, process.sid));
  object.Set("tty", number(env, process.tty));
  object.Set("state", text(env, std::string(1, process.state)));
  object.Set("threads", number(env, process.threads));
  object.Set("cpuTicks", number(env, process.cpu_ticks));
  object.Set("rssKiB", number(env, process.rss_kib));
  object.Set("uids", or_null(env, process.uids, four));
  object.Set("uid", number(env, process.uid));
  object.Set("comm", text(env, process.comm));
  object.Set("exe", or_null(env, process.exe, text));
  if (process.exe_unreadable)
    object.Set("exeUnreadable",
               text(env, *process.exe_unreadable == ExeUnreadable::kTooLong ? "too-long" : "denied"));
  object.Set("argv", texts(env, process.argv));
  object.Set("argvStatus", text(env, name_of(process.argv_status)));
  object.Set("argvTruncated", flag(env, process.argv_truncated));
  object.Set("cgroups", or_null(env, process.cgroups, texts));
  object.Set("auditSession", or_null(env, process.audit_session, number<std::uint32_t>));
  object.Set("loginUid", or_null(env, process.login_uid, number<std::uint32_t>));
  object.Set("foreignUserNs", or_null(env, process.foreign_user_ns, flag));
  object.Set("foreignPidNs", or_null(env, process.foreign_pid_ns, flag));
  return object;
}

}  // namespace

Napi::Value to_js(Napi::Env env, const std::vector<Process>& processes) {
  return to_array(env, processes, [env](const Process& process) { return to_js(env, process); });
}

}  // namespace reaper
