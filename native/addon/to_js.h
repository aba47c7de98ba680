// Converts between JavaScript values and the core's structs; the keys are those of src/core/observation/. A
// wrong argument is a TypeError that names it.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/killable/environ.h"
#include "core/signals/signal.h"
#include "core/snapshot/snapshot.h"
#include "core/sockets/connections.h"

namespace reaper {

// `name`: the argument in a message. Numbers must be whole and in range.
std::string to_text(const Napi::Value& value, const std::string& name);
std::int64_t to_whole(const Napi::Value& value, const std::string& name, std::int64_t low, std::int64_t high);
ProcId to_proc_id(const Napi::Value& value, const std::string& name);
std::vector<ProcId> to_proc_ids(const Napi::Value& value, const std::string& name);
std::vector<pid_t> to_pids(const Napi::Value& value, const std::string& name);
Owners to_owners(const Napi::Value& value, const std::string& name);
SnapshotOptions to_snapshot_options(const Napi::Value& value);
EnvironOptions to_environ_options(const Napi::Value& value);

Napi::Value to_js(Napi::Env env, const ProcId& id);
Napi::Value to_js(Napi::Env env, const std::vector<ProcId>& ids);
Napi::Value to_js(Napi::Env env, const std::vector<Process>& processes);
Napi::Value to_js(Napi::Env env, const Snapshot& snapshot);
Napi::Value to_js(Napi::Env env, const Connections& connections);
Napi::Value to_js(Napi::Env env, const SignalResult& result);
Napi::Value to_js(Napi::Env env, const EnvironNames& found);

// An Error with `code` (the errno's name, as Node's own) and a message that names what failed.
Napi::Error to_error(Napi::Env env, const Failure& failure);

}  // namespace reaper
