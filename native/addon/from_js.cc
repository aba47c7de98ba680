// Converts JavaScript values to the core's structs.
#include <cmath>
#include <limits>

#include "addon/to_js.h"

namespace reaper {
namespace {

constexpr std::int64_t kMaxPid = std::numeric_limits<pid_t>::max();
constexpr std::int64_t kMaxUid = std::numeric_limits<uid_t>::max();
constexpr std::int64_t kMaxSafeInteger = (std::int64_t{1} << 53) - 1;
constexpr std::int64_t kMaxMilliseconds = 24 * 3600 * 1000;

[[noreturn]] void refuse(const Napi::Value& value, const std::string& name, const char* expected) {
  throw Napi::TypeError::New(value.Env(), name + " must be " + expected);
}

bool to_flag(const Napi::Value& value, const std::string& name) {
  if (!value.IsBoolean()) refuse(value, name, "true or false");
  return value.As<Napi::Boolean>().Value();
}

int to_milliseconds(const Napi::Object& object, const char* key) {
  return static_cast<int>(to_whole(object.Get(key), std::string("options.") + key, 0, kMaxMilliseconds));
}

uid_t to_uid(const Napi::Value& value, const std::string& name) {
  return static_cast<uid_t>(to_whole(value, name, 0, kMaxUid));
}

// Converts every element; a message names it by its place.
template <typename T, typename F>
std::vector<T> to_list(const Napi::Value& value, const std::string& name, F convert) {
  if (!value.IsArray()) refuse(value, name, "an array");
  const auto array = value.As<Napi::Array>();
  std::vector<T> list;
  list.reserve(array.Length());
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::HandleScope scope(value.Env());
    list.push_back(convert(array.Get(i), name + "[" + std::to_string(i) + "]"));
  }
  return list;
}

}  // namespace

std::string to_text(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) refuse(value, name, "a string");
  std::string result = value.As<Napi::String>().Utf8Value();
  // Guard: the kernel would end the path at the NUL and open another file than the one that was named.
  if (result.find('\0') != std::string::npos) refuse(value, name, "a string without NUL");
  return result;
}

std::int64_t to_whole(const Napi::Value& value, const std::string& name, std::int64_t low,
                      std::int64_t high) {
  if (!value.IsNumber()) refuse(value, name, "a number");
  const double given = value.As<Napi::Number>().DoubleValue();
  if (!(given >= static_cast<double>(low) && given <= static_cast<double>(high)) ||
      std::trunc(given) != given)
    refuse(value, name,
           ("a whole number from " + std::to_string(low) + " to " + std::to_string(high)).c_str());
  return static_cast<std::int64_t>(given);
}

ProcId to_proc_id(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject()) refuse(value, name, "an object {pid, startTime}");
  const auto object = value.As<Napi::Object>();
  ProcId id;
  id.pid = static_cast<pid_t>(to_whole(object.Get("pid"), name + ".pid", 1, kMaxPid));
  id.start_time =
      static_cast<std::uint64_t>(to_whole(object.Get("startTime"), name + ".startTime", 0, kMaxSafeInteger));
  return id;
}

std::vector<ProcId> to_proc_ids(const Napi::Value& value, const std::string& name) {
  return to_list<ProcId>(value, name, to_proc_id);
}

std::vector<pid_t> to_pids(const Napi::Value& value, const std::string& name) {
  return to_list<pid_t>(value, name, [](const Napi::Value& item, const std::string& place) {
    return static_cast<pid_t>(to_whole(item, place, 1, kMaxPid));
  });
}

Owners to_owners(const Napi::Value& value, const std::string& name) {
  if (value.IsUndefined()) return {};
  return Owners(to_list<UidRange>(value, name, [](const Napi::Value& item, const std::string& place) {
    if (!item.IsObject()) refuse(item, place, "an object {first, count, owner}");
    const auto object = item.As<Napi::Object>();
    return UidRange{to_uid(object.Get("first"), place + ".first"),
                    to_uid(object.Get("count"), place + ".count"),
                    to_uid(object.Get("owner"), place + ".owner")};
  }));
}

SnapshotOptions to_snapshot_options(const Napi::Value& value) {
  if (!value.IsObject()) refuse(value, "options", "an object");
  const auto object = value.As<Napi::Object>();
  const auto markers = [&object](const char* key) {
    const std::string name = std::string("options.") + key;
    return to_list<std::string>(object.Get(key), name, [](const Napi::Value& item, const std::string& place) {
      std::string marker = to_text(item, place);
      if (marker.empty()) refuse(item, place, "a string that is not empty");  // empty matches everything
      return marker;
    });
  };
  SnapshotOptions options;
  options.proc_root = to_text(object.Get("procRoot"), "options.procRoot");
  const Napi::Value observer = object.Get("observerUid");
  if (!observer.IsUndefined())
    options.observer = static_cast<uid_t>(to_whole(observer, "options.observerUid", 0, kMaxUid));
  const Napi::Value uids = object.Get("uids");
  if (!uids.IsNull()) {
    const auto list = to_list<uid_t>(uids, "options.uids", to_uid);
    options.uids.emplace(list.begin(), list.end());
  }
  options.full = to_flag(object.Get("full"), "options.full");
  options.exe_markers = markers("exeMarkers");
  options.interpreters = markers("interpreters");
  options.argv_markers = markers("argvMarkers");
  options.wide_interpreters = markers("wideInterpreters");
  options.wide_markers = markers("wideMarkers");
  options.sshd_names = markers("sshdNames");
  options.owners = to_owners(object.Get("owners"), "options.owners");
  options.argv_timeout_ms = to_milliseconds(object, "argvTimeoutMs");
  options.argv_budget_ms = to_milliseconds(object, "argvBudgetMs");
  return options;
}

EnvironOptions to_environ_options(const Napi::Value& value) {
  if (!value.IsObject()) refuse(value, "options", "an object");
  const auto object = value.As<Napi::Object>();
  EnvironOptions options;
  options.proc_root = to_text(object.Get("procRoot"), "options.procRoot");
  options.processes = to_list<EnvironSubject>(object.Get("processes"), "options.processes",
                                              [](const Napi::Value& item, const std::string& place) {
                                                EnvironSubject subject{to_proc_id(item, place), std::nullopt};
                                                const Napi::Value uid = item.As<Napi::Object>().Get("uid");
                                                if (!uid.IsUndefined())
                                                  subject.uid = to_uid(uid, place + ".uid");
                                                return subject;
                                              });
  options.names = to_list<std::string>(object.Get("names"), "options.names", to_text);
  options.owners = to_owners(object.Get("owners"), "options.owners");
  options.timeout_ms = to_milliseconds(object, "timeoutMs");
  options.budget_ms = to_milliseconds(object, "budgetMs");
  return options;
}

}  // namespace reaper
