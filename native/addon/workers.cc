#include "addon/workers.h"

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "addon/to_js.h"

namespace reaper {
namespace {

constexpr std::int64_t kMaxWaitMs = 24 * 3600 * 1000;

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

}  // namespace

Napi::Value js_snapshot(const Napi::CallbackInfo& info) {
  SnapshotOptions options = to_snapshot_options(info[0]);
  return PromiseWorker<Snapshot>::start(info.Env(), "snapshot",
                                        [options = std::move(options)] { return take_snapshot(options); });
}

Napi::Value js_connections(const Napi::CallbackInfo& info) {
  HolderOptions options;
  options.pids = to_pids(info[0], "pids");
  options.proc_root = to_text(info[1], "procRoot");
  options.owners = to_owners(info[2], "owners");
  return PromiseWorker<Connections>::start(
      info.Env(), "connections",
      [options = std::move(options)]() -> Result<Connections> { return find_connections(options); });
}

Napi::Value js_environ_names(const Napi::CallbackInfo& info) {
  EnvironOptions options = to_environ_options(info[0]);
  return PromiseWorker<EnvironNames>::start(
      info.Env(), "environNames", [options = std::move(options)] { return find_environ_names(options); });
}

Napi::Value js_wait_gone(const Napi::CallbackInfo& info) {
  std::vector<ProcId> ids = to_proc_ids(info[0], "ids");
  const int timeout_ms = static_cast<int>(to_whole(info[1], "timeoutMs", 0, kMaxWaitMs));
  return PromiseWorker<std::vector<ProcId>>::start(
      info.Env(), "waitGone", [ids = std::move(ids), timeout_ms]() -> Result<std::vector<ProcId>> {
        return wait_gone("/proc", ids, timeout_ms);
      });
}

}  // namespace reaper
