// Makes plain JavaScript values, for the *to_js.cc files alone.
#pragma once

#include <napi.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace reaper {

template <typename T, typename F>
Napi::Array to_array(Napi::Env env, const std::vector<T>& items, F convert) {
  Napi::Array array = Napi::Array::New(env, items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Napi::HandleScope scope(env);
    array.Set(static_cast<std::uint32_t>(i), convert(items[i]));
  }
  return array;
}

// V8's decoder turns bytes that are not UTF-8 into U+FFFD, so any text that a user chooses can cross.
inline Napi::Value text(Napi::Env env, const std::string& value) { return Napi::String::New(env, value); }
template <typename T>
Napi::Value number(Napi::Env env, T value) {
  return Napi::Number::New(env, static_cast<double>(value));
}
inline Napi::Value flag(Napi::Env env, bool value) { return Napi::Boolean::New(env, value); }

template <typename T, typename F>
Napi::Value or_null(Napi::Env env, const std::optional<T>& value, F convert) {
  return value ? convert(env, *value) : env.Null();
}

}  // namespace reaper
