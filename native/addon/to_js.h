// Converts the core's structs to JavaScript values; the keys are those of src/core/observation/.
#pragma once

#include <napi.h>

#include "core/base/result.h"
#include "core/signals/signal.h"
#include "core/snapshot/snapshot.h"
#include "core/sockets/connections.h"

namespace reaper {

Napi::Value to_js(Napi::Env env, const std::vector<ProcId>& ids);
Napi::Value to_js(Napi::Env env, const Snapshot& snapshot);
Napi::Value to_js(Napi::Env env, const Connections& connections);
Napi::Value to_js(Napi::Env env, const SignalResult& result);

// An Error with `code` (the errno's name, as Node's own) and a message that names what failed.
Napi::Error to_error(Napi::Env env, const Failure& failure);

}  // namespace reaper
