// Reads JavaScript values, whose types src/shell/host/native.ts declares. Node-API throws for a value of
// another type; what no type says is checked here.
#pragma once

#include <napi.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/base/owners.h"
#include "core/proc/process.h"

namespace reaper {

[[noreturn]] inline void refuse(const Napi::Value& value, const std::string& expected) {
  throw Napi::TypeError::New(value.Env(), "expected " + expected);
}

inline Napi::Value property(const Napi::Value& of, const char* key) { return of.As<Napi::Object>().Get(key); }

template <typename T>
T whole(const Napi::Value& value, std::int64_t low, std::int64_t high) {
  const double given = value.As<Napi::Number>().DoubleValue();
  const bool in_range = given >= static_cast<double>(low) && given <= static_cast<double>(high);
  if (!in_range || std::trunc(given) != given)
    refuse(value, "a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return static_cast<T>(given);
}

inline bool flag_of(const Napi::Value& value) { return value.As<Napi::Boolean>().Value(); }

inline uid_t uid_of(const Napi::Value& value) {
  return whole<uid_t>(value, 0, std::numeric_limits<uid_t>::max());
}
inline pid_t pid_of(const Napi::Value& value) {
  return whole<pid_t>(value, 1, std::numeric_limits<pid_t>::max());
}
inline int milliseconds_of(const Napi::Value& value) { return whole<int>(value, 0, 24 * 3600 * 1000); }

inline ProcId proc_id_of(const Napi::Value& value) {
  constexpr std::int64_t kMaxSafeInteger = (std::int64_t{1} << 53) - 1;
  return {pid_of(property(value, "pid")),
          whole<std::uint64_t>(property(value, "startTime"), 0, kMaxSafeInteger)};
}

inline std::string text_of(const Napi::Value& value) {
  std::string text = value.As<Napi::String>().Utf8Value();
  // Guard: the kernel would end the path at the NUL and open another file than the one that was named.
  if (text.find('\0') != std::string::npos) refuse(value, "a text without NUL");
  return text;
}

// An empty one would match everything.
inline std::string marker_of(const Napi::Value& value) {
  std::string text = text_of(value);
  if (text.empty()) refuse(value, "a marker that is not empty");
  return text;
}

// Converts the elements that it has at first: a getter among them may add more.
template <typename Convert>
auto list_of(const Napi::Value& value, Convert convert) {
  const auto array = value.As<Napi::Array>();
  std::vector<decltype(convert(value))> items(array.Length());
  for (std::uint32_t i = 0; i < items.size(); ++i) items[i] = convert(array.Get(i));
  return items;
}

inline UidRange range_of(const Napi::Value& value) {
  return {uid_of(property(value, "first")), uid_of(property(value, "count")),
          uid_of(property(value, "owner"))};
}

// Empty where absent.
inline Owners owners_of(const Napi::Value& value) {
  return value.IsUndefined() ? Owners() : Owners{list_of(value, range_of)};
}

}  // namespace reaper
