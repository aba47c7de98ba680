// Reads JavaScript values. A wrong one is a TypeError that names it.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/owners.h"
#include "core/proc/process.h"

namespace reaper {

// An argument of a call, or a part of one, with the name that a message gives it.
class Argument {
 public:
  Argument(Napi::Value value, std::string name) : value_(value), name_(std::move(name)) {}

  // The property of an object.
  Argument operator[](const char* key) const;
  bool is_absent() const { return value_.IsUndefined(); }
  bool is_null() const { return value_.IsNull(); }

  bool flag() const;
  std::string text() const;
  std::int64_t whole(std::int64_t low, std::int64_t high) const;
  uid_t uid() const;
  pid_t pid() const;
  int milliseconds() const;
  ProcId proc_id() const;
  Owners owners() const;  // empty where absent

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

  [[noreturn]] void refuse(const std::string& expected) const;

 private:
  Napi::Value value_;
  std::string name_;
};

}  // namespace reaper
