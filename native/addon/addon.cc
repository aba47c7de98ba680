// Exports the functions of the interface `Native` in src/shell/host/native.ts. Those that may take long run
// on a thread of libuv's pool and return a promise.
#include <signal.h>

#include <functional>
#include <optional>
#include <utility>

#include "addon/argument.h"
#include "addon/to_js.h"
#include "core/files/files.h"

namespace reaper {
namespace {

// Runs `work` on a thread of the pool and settles a promise with what it returned.
template <typename T>
class PromiseWorker : public Napi::AsyncWorker {
 public:
  static Napi::Value start(Napi::Env env, const char* name, std::function<Result<T>()> work) {
    auto* worker = new PromiseWorker(env, name, std::move(work));  // Node deletes it when it has settled
    worker->Queue();
    return worker->deferred_.Promise();
  }

 private:
  PromiseWorker(Napi::Env env, const char* name, std::function<Result<T>()> work)
      : Napi::AsyncWorker(env, name), deferred_(env), work_(std::move(work)) {}

  void Execute() override { result_.emplace(work_()); }

  void OnOK() override {
    if (!result_->ok()) return deferred_.Reject(to_error(Env(), result_->failure()).Value());
    try {
      deferred_.Resolve(to_js(Env(), result_->value()));
    } catch (const Napi::Error& error) {
      deferred_.Reject(error.Value());
    }
  }

  // Execute threw (out of memory): the promise must still be settled.
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

  Napi::Promise::Deferred deferred_;
  std::function<Result<T>()> work_;
  std::optional<Result<T>> result_;
};

Napi::Value js_snapshot(const Napi::CallbackInfo& info) {
  const auto given = [&info](const char* key) { return property(info[0], key); };
  SnapshotOptions options;
  options.proc_root = text_of(given("procRoot"));
  if (!given("observerUid").IsUndefined()) options.observer = uid_of(given("observerUid"));
  if (!given("uids").IsNull()) {
    const auto uids = list_of(given("uids"), uid_of);
    options.uids.emplace(uids.begin(), uids.end());
  }
  options.full = flag_of(given("full"));
  options.staged = !given("staged").IsUndefined() && flag_of(given("staged"));
  options.exe_markers = list_of(given("exeMarkers"), marker_of);
  options.interpreters = list_of(given("interpreters"), marker_of);
  options.argv_markers = list_of(given("argvMarkers"), marker_of);
  options.sshd_names = list_of(given("sshdNames"), marker_of);
  options.variables = list_of(given("jobVariables"), marker_of);
  options.owners = owners_of(given("owners"));
  options.timeout_ms = milliseconds_of(given("timeoutMs"));
  options.budget_ms = milliseconds_of(given("budgetMs"));
  return PromiseWorker<Snapshot>::start(info.Env(), "snapshot",
                                        [options = std::move(options)] { return take_snapshot(options); });
}

Napi::Value js_finish_snapshot(const Napi::CallbackInfo& info) {
  auto rest = std::exchange(*info[0].As<Napi::External<SnapshotRest>>().Data(), nullptr);
  if (!rest) refuse(info[0], "a first stage that was not finished yet");
  auto skipped = list_of(info[1], uid_of);
  return PromiseWorker<Snapshot>::start(
      info.Env(), "finishSnapshot",
      [rest = std::move(rest), skipped = std::move(skipped)] { return finish_snapshot(*rest, skipped); });
}

Napi::Value js_connections(const Napi::CallbackInfo& info) {
  ConnectionOptions options;
  options.pids = list_of(info[0], pid_of);
  options.proc_root = text_of(info[1]);
  options.owners = owners_of(info[2]);
  return PromiseWorker<Connections>::start(
      info.Env(), "connections", [options = std::move(options)] { return find_connections(options); });
}

Napi::Value js_wait_gone(const Napi::CallbackInfo& info) {
  auto ids = list_of(info[0], proc_id_of);
  const int timeout_ms = milliseconds_of(info[1]);
  return PromiseWorker<std::vector<ProcId>>::start(
      info.Env(), "waitGone",
      [ids = std::move(ids), timeout_ms] { return wait_gone("/proc", ids, timeout_ms); });
}

Napi::Value js_signal(const Napi::CallbackInfo& info) {
  std::optional<uid_t> login_uid;
  if (!info[3].IsNull() && !info[3].IsUndefined()) login_uid = uid_of(info[3]);
  return to_js(info.Env(), signal_process("/proc", proc_id_of(info[0]), uid_of(info[1]),
                                          whole<int>(info[2], 0, SIGRTMAX), login_uid));
}

Napi::Value js_lock(const Napi::CallbackInfo& info) {
  const auto taken = take_lock(text_of(info[0]));
  if (!taken) throw to_error(info.Env(), taken.failure());
  return Napi::String::New(info.Env(), taken.value() ? "acquired" : "busy");
}

Napi::Value js_grant_read(const Napi::CallbackInfo& info) {
  if (const auto failure = grant_read(text_of(info[0]), uid_of(info[1])))
    throw to_error(info.Env(), *failure);
  return info.Env().Undefined();
}

Napi::Value js_act_on_files_as(const Napi::CallbackInfo& info) {
  if (const auto failure = act_on_files_as(uid_of(info[0]), list_of(info[1], uid_of)))
    throw to_error(info.Env(), *failure);
  return info.Env().Undefined();
}

}  // namespace
}  // namespace reaper

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*call)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, call, name));
  };
  add("snapshot", reaper::js_snapshot);
  add("finishSnapshot", reaper::js_finish_snapshot);
  add("connections", reaper::js_connections);
  add("waitGone", reaper::js_wait_gone);
  add("signal", reaper::js_signal);
  add("lock", reaper::js_lock);
  add("grantRead", reaper::js_grant_read);
  add("actOnFilesAs", reaper::js_act_on_files_as);
  return exports;
}

NODE_API_MODULE(reaper_native, init)
