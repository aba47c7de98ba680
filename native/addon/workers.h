// The calls that may take long: each runs on a thread of libuv's pool and returns a promise.
#pragma once

#include <napi.h>

namespace reaper {

Napi::Value js_snapshot(const Napi::CallbackInfo& info);
Napi::Value js_connections(const Napi::CallbackInfo& info);
Napi::Value js_environ_names(const Napi::CallbackInfo& info);
Napi::Value js_wait_gone(const Napi::CallbackInfo& info);

}  // namespace reaper
