#include "addon/argument.h"

#include <cmath>
#include <limits>

namespace reaper {

constexpr std::int64_t kMaxSafeInteger = (std::int64_t{1} << 53) - 1;
constexpr std::int64_t kMaxMilliseconds = 24 * 3600 * 1000;

void Argument::refuse(const std::string& expected) const {
  throw Napi::TypeError::New(value_.Env(), name_ + " must be " + expected);
}

Argument Argument::operator[](const char* key) const {
  if (!value_.IsObject()) refuse("an object");
  return {value_.As<Napi::Object>().Get(key), name_ + "." + key};
}

bool Argument::flag() const {
  if (!value_.IsBoolean()) refuse("true or false");
  return value_.As<Napi::Boolean>().Value();
}

std::string Argument::text() const {
  if (!value_.IsString()) refuse("a string");
  std::string text = value_.As<Napi::String>().Utf8Value();
  // Guard: the kernel would end the path at the NUL and open another file than the one that was named.
  if (text.find('\0') != std::string::npos) refuse("a string without NUL");
  return text;
}

std::int64_t Argument::whole(std::int64_t low, std::int64_t high) const {
  const double given = value_.IsNumber() ? value_.As<Napi::Number>().DoubleValue() : std::nan("");
  const bool in_range = given >= static_cast<double>(low) && given <= static_cast<double>(high);
  if (!in_range || std::trunc(given) != given)
    refuse("a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return static_cast<std::int64_t>(given);
}

uid_t Argument::uid() const { return static_cast<uid_t>(whole(0, std::numeric_limits<uid_t>::max())); }
pid_t Argument::pid() const { return static_cast<pid_t>(whole(1, std::numeric_limits<pid_t>::max())); }
int Argument::milliseconds() const { return static_cast<int>(whole(0, kMaxMilliseconds)); }

ProcId Argument::proc_id() const {
  const auto& self = *this;
  return {self["pid"].pid(), static_cast<std::uint64_t>(self["startTime"].whole(0, kMaxSafeInteger))};
}

Owners Argument::owners() const {
  if (is_absent()) return {};
  return Owners{list([](const Argument& range) {
    return UidRange{range["first"].uid(), range["count"].uid(), range["owner"].uid()};
  })};
}

}  // namespace reaper
