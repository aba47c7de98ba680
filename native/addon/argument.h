// Reads JavaScript values. A wrong one is a TypeError that names it.
#pragma once

#include <napi.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/base/owners.h"
#include "core/proc/process.h"

namespace reaper {

// An argument of a call, or a part of one, with the name that a message gives it.
class Argument {
 public:
  Argument(Napi::Value value, std::string name) : value_(value), name_(std::move(name)) {}

  // The property of an object.
  Argument operator[](const char* key) const {
    if (!value_.IsObject()) refuse("an object");
    return {value_.As<Napi::Object>().Get(key), name_ + "." + key};
  }

  bool is_absent() const { return value_.IsUndefined(); }
  bool is_null() const { return value_.IsNull(); }

  bool flag() const {
    if (!value_.IsBoolean()) refuse("true or false");
    return value_.As<Napi::Boolean>().Value();
  }

  std::string text() const {
    if (!value_.IsString()) refuse("a string");
    std::string text = value_.As<Napi::String>().Utf8Value();
    // Guard: the kernel would end the path at the NUL and open another file than the one that was named.
    if (text.find('\0') != std::string::npos) refuse("a string without NUL");
    return text;
  }

  template <typename T>
  T whole(std::int64_t low, std::int64_t high) const {
    const double given = value_.IsNumber() ? value_.As<Napi::Number>().DoubleValue() : std::nan("");
    const bool in_range = given >= static_cast<double>(low) && given <= static_cast<double>(high);
    if (!in_range || std::trunc(given) != given)
      refuse("a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    return static_cast<T>(given);
  }

  uid_t uid() const { return whole<uid_t>(0, std::numeric_limits<uid_t>::max()); }
  pid_t pid() const { return whole<pid_t>(1, std::numeric_limits<pid_t>::max()); }
  int milliseconds() const { return whole<int>(0, 24 * 3600 * 1000); }
  ProcId proc_id() const {
    return {(*this)["pid"].pid(), (*this)["startTime"].whole<std::uint64_t>(0, (std::int64_t{1} << 53) - 1)};
  }

  // Converts every element; a message names it by its place.
  template <typename F>
  auto list(F convert) const {
    if (!value_.IsArray()) refuse("an array");
    const auto array = value_.As<Napi::Array>();
    std::vector<decltype(convert(*this))> items;
    items.reserve(array.Length());
    for (std::uint32_t i = 0; i < array.Length(); ++i) {
      const Napi::HandleScope scope(value_.Env());
      items.push_back(convert(Argument(array.Get(i), name_ + "[" + std::to_string(i) + "]")));
    }
    return items;
  }

  // Empty where absent.
  Owners owners() const {
    if (is_absent()) return {};
    return Owners{list([](const Argument& range) {
      return UidRange{range["first"].uid(), range["count"].uid(), range["owner"].uid()};
    })};
  }

  [[noreturn]] void refuse(const std::string& expected) const {
    throw Napi::TypeError::New(value_.Env(), name_ + " must be " + expected);
  }

 private:
  Napi::Value value_;
  std::string name_;
};

}  // namespace reaper
