// Exports the functions of the interface `Native` in src/shell/host/native.ts.
#include <napi.h>
#include <signal.h>

#include <limits>
#include <optional>

#include "addon/to_js.h"
#include "addon/workers.h"
#include "core/files/acl.h"
#include "core/files/lock.h"

namespace reaper {
namespace {

Napi::Value js_signal(const Napi::CallbackInfo& info) {
  const ProcId id = to_proc_id(info[0], "id");
  const auto uid = static_cast<uid_t>(to_whole(info[1], "uid", 0, std::numeric_limits<uid_t>::max()));
  const auto signo = static_cast<int>(to_whole(info[2], "signo", 0, SIGRTMAX));
  std::optional<std::uint32_t> login_uid;
  if (!info[3].IsNull() && !info[3].IsUndefined())
    login_uid = static_cast<std::uint32_t>(
        to_whole(info[3], "loginUid", 0, std::numeric_limits<std::uint32_t>::max()));
  return to_js(info.Env(), signal_process("/proc", id, uid, signo, login_uid));
}

Napi::Value js_lock(const Napi::CallbackInfo& info) {
  const auto taken = take_lock(to_text(info[0], "path"));
  if (!taken) throw to_error(info.Env(), taken.failure());
  return Napi::String::New(info.Env(), taken.value() ? "acquired" : "busy");
}

Napi::Value js_grant_read(const Napi::CallbackInfo& info) {
  const auto uid = static_cast<uid_t>(to_whole(info[1], "uid", 0, std::numeric_limits<uid_t>::max()));
  const auto granted = grant_read(to_text(info[0], "path"), uid);
  if (!granted) throw to_error(info.Env(), granted.failure());
  return info.Env().Undefined();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("snapshot", Napi::Function::New(env, js_snapshot, "snapshot"));
  exports.Set("connections", Napi::Function::New(env, js_connections, "connections"));
  exports.Set("signal", Napi::Function::New(env, js_signal, "signal"));
  exports.Set("environNames", Napi::Function::New(env, js_environ_names, "environNames"));
  exports.Set("waitGone", Napi::Function::New(env, js_wait_gone, "waitGone"));
  exports.Set("grantRead", Napi::Function::New(env, js_grant_read, "grantRead"));
  exports.Set("lock", Napi::Function::New(env, js_lock, "lock"));
  return exports;
}

}  // namespace
}  // namespace reaper

static Napi::Object Init(Napi::Env env, Napi::Object exports) { return reaper::init(env, exports); }
NODE_API_MODULE(reaper_native, Init)
