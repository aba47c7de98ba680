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
    auto* worker = new PromiseWorker(env, name, std::move(work));  // Node deletes it when it has skipped
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

  // Execute threw (out of memory): the promise must still be skipped.
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

  Napi::Promise::Deferred deferred_;
  std::function<Result<T>()> work_;
  std::optional<Result<T>> result_;
};

Napi::Value js_snapshot(const Napi::CallbackInfo& info) {
  const Argument from(info[0], "options");
  const auto markers = [&from](const char* key) {
    return from[key].list([](const Argument& marker) {
      std::string text = marker.text();
      if (text.empty()) marker.refuse("a string that is not empty");  // empty matches everything
      return text;
    });
  };
  SnapshotOptions options;
  options.proc_root = from["procRoot"].text();
  if (const Argument observer = from["observerUid"]; !observer.is_absent()) options.observer = observer.uid();
  if (const Argument uids = from["uids"]; !uids.is_null()) {
    const auto list = uids.list(std::mem_fn(&Argument::uid));
    options.uids.emplace(list.begin(), list.end());
  }
  options.full = from["full"].flag();
  if (const Argument staged = from["staged"]; !staged.is_absent()) options.staged = staged.flag();
  options.exe_markers = markers("exeMarkers");
  options.interpreters = markers("interpreters");
  options.argv_markers = markers("argvMarkers");
  options.sshd_names = markers("sshdNames");
  options.variables = markers("jobVariables");
  options.owners = from["owners"].owners();
  options.timeout_ms = from["timeoutMs"].milliseconds();
  options.budget_ms = from["budgetMs"].milliseconds();
  return PromiseWorker<Snapshot>::start(info.Env(), "snapshot",
                                        [options = std::move(options)] { return take_snapshot(options); });
}

Napi::Value js_finish_snapshot(const Napi::CallbackInfo& info) {
  if (!info[0].IsExternal()) Argument(info[0], "rest").refuse("the rest of a first stage");
  auto rest = std::exchange(*info[0].As<Napi::External<SnapshotRest>>().Data(), nullptr);
  if (!rest) Argument(info[0], "rest").refuse("one that was not finished yet");
  auto skipped = Argument(info[1], "skipped").list(std::mem_fn(&Argument::uid));
  return PromiseWorker<Snapshot>::start(
      info.Env(), "finishSnapshot",
      [rest = std::move(rest), skipped = std::move(skipped)] { return finish_snapshot(*rest, skipped); });
}

Napi::Value js_connections(const Napi::CallbackInfo& info) {
  HolderOptions options;
  options.pids = Argument(info[0], "pids").list(std::mem_fn(&Argument::pid));
  options.proc_root = Argument(info[1], "procRoot").text();
  options.owners = Argument(info[2], "owners").owners();
  return PromiseWorker<Connections>::start(
      info.Env(), "connections", [options = std::move(options)] { return find_connections(options); });
}

Napi::Value js_wait_gone(const Napi::CallbackInfo& info) {
  auto ids = Argument(info[0], "ids").list(std::mem_fn(&Argument::proc_id));
  const int timeout_ms = Argument(info[1], "timeoutMs").milliseconds();
  return PromiseWorker<std::vector<ProcId>>::start(
      info.Env(), "waitGone",
      [ids = std::move(ids), timeout_ms] { return wait_gone("/proc", ids, timeout_ms); });
}

Napi::Value js_signal(const Napi::CallbackInfo& info) {
  const ProcId id = Argument(info[0], "id").proc_id();
  const uid_t uid = Argument(info[1], "uid").uid();
  const auto signo = Argument(info[2], "signo").whole<int>(0, SIGRTMAX);
  std::optional<std::uint32_t> login_uid;
  if (const Argument given(info[3], "loginUid"); !given.is_null() && !given.is_absent())
    login_uid = given.uid();
  return to_js(info.Env(), signal_process("/proc", id, uid, signo, login_uid));
}

Napi::Value js_lock(const Napi::CallbackInfo& info) {
  const auto taken = take_lock(Argument(info[0], "path").text());
  if (!taken) throw to_error(info.Env(), taken.failure());
  return Napi::String::New(info.Env(), taken.value() ? "acquired" : "busy");
}

Napi::Value js_grant_read(const Napi::CallbackInfo& info) {
  const auto granted = grant_read(Argument(info[0], "path").text(), Argument(info[1], "uid").uid());
  if (!granted) throw to_error(info.Env(), granted.failure());
  return info.Env().Undefined();
}

Napi::Value js_act_on_files_as(const Napi::CallbackInfo& info) {
  const auto acts = act_on_files_as(Argument(info[0], "uid").uid(),
                                    Argument(info[1], "groups").list(std::mem_fn(&Argument::uid)));
  if (!acts) throw to_error(info.Env(), acts.failure());
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
