// What a call that can fail returns: a value, or the errno and the thing that failed. The core neither throws
// nor logs.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

namespace reaper {

struct Failure {
  int code;          // errno
  std::string what;  // the system call or the file, for a person to read
};

template <typename T>
class Result {
 public:
  Result(T value) : value_(std::move(value)) {}              // NOLINT: implicit by design
  Result(Failure failure) : failure_(std::move(failure)) {}  // NOLINT: implicit by design
  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  const T& value() const { return *value_; }
  T& value() { return *value_; }
  T take() { return std::move(*value_); }
  const Failure& failure() const { return failure_; }

 private:
  std::optional<T> value_;
  Failure failure_{0, {}};
};

// Describes something that could not be read, for a person: it is reported and never taken for "nothing
// there".
struct Fault {
  std::string what;  // what could not be done: "read the command line"
  pid_t pid = 0;     // 0: not about one process
  std::string detail;
  std::optional<uid_t> uid = std::nullopt;  // the user whose doing it is; nullopt: not one user's
};

}  // namespace reaper
