#include "core/signals/signal.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "core/proc/parse.h"
#include "core/signals/pin.h"

namespace reaper {
namespace {

// Unset, or a kernel without audit: there is nothing to compare. Only a privileged process can change it once
// it is set.
std::optional<SignalOutcome> login_refusal(ProcessFiles& files, std::uint32_t expected) {
  std::string_view text;
  if (const int error = files.read("loginuid", &text))
    return is_gone(error) ? std::nullopt : std::make_optional(SignalOutcome::kDenied);
  const auto login_uid = parse_id(text);
  if (!login_uid) return SignalOutcome::kDenied;
  if (*login_uid != kUnsetId && *login_uid != expected) return SignalOutcome::kForeign;
  return std::nullopt;
}

std::optional<SignalOutcome> identity_refusal(IdentityCheck check) {
  switch (check) {
    case IdentityCheck::kGone:
      return SignalOutcome::kGone;
    case IdentityCheck::kRecycled:
      return SignalOutcome::kRecycled;
    case IdentityCheck::kUnreadable:
      return SignalOutcome::kDenied;  // unknown spares
    case IdentityCheck::kSame:
      break;
  }
  return std::nullopt;
}

std::optional<SignalOutcome> refusal(ProcessFiles& files, const ProcId& id, uid_t uid,
                                     std::optional<std::uint32_t> login_uid) {
  if (const auto refused = identity_refusal(check_identity(files, id))) return refused;
  std::string_view text;
  if (const int error = files.read("status", &text))
    return is_gone(error) ? SignalOutcome::kGone : SignalOutcome::kDenied;
  const auto uids = parse_status_uids(text);
  if (!uids) return SignalOutcome::kDenied;
  // A setuid program or a user namespace shows in one of the four: then it is not only the user's.
  for (const uid_t each : *uids)
    if (each != uid) return SignalOutcome::kForeign;
  return login_uid ? login_refusal(files, *login_uid) : std::nullopt;
}

SignalOutcome outcome_of(int error) {
  if (error == 0) return SignalOutcome::kSent;
  return error == ESRCH ? SignalOutcome::kGone : SignalOutcome::kDenied;
}

}  // namespace

SignalResult signal_process(const std::string& proc_root, const ProcId& id, uid_t uid, int signo,
                            std::optional<std::uint32_t> login_uid) {
  // Never init, kthreadd, a process group (0 and below) or this process, whatever the plan says.
  if (id.pid <= 2 || id.pid == getpid()) return {SignalOutcome::kDenied, SignalPin::kNone};
  auto proc = ProcDir::open(proc_root);
  if (!proc) return {SignalOutcome::kDenied, SignalPin::kNone};
  // The number would be checked there and the signal sent here.
  if (proc_root == "/proc" && proc.value().is_foreign()) return {SignalOutcome::kDenied, SignalPin::kNone};

  Pin pin;
  const int error = take_pin(proc.value(), id.pid, &pin);
  // EINVAL, ENOENT: the number now names a thread of another process, or no process.
  if (error == ESRCH || error == EINVAL || error == ENOENT) return {SignalOutcome::kGone, SignalPin::kNone};
  const int folder = pin.kind == SignalPin::kProcFolder ? pin.fd.get() : -1;
  ProcessFiles files(proc.value(), id.pid, folder);
  if (const auto refused = refusal(files, id, uid, login_uid)) return {*refused, pin.kind};
  if (const int sent = signal_pinned(pin, signo); sent != ENOSYS) return {outcome_of(sent), pin.kind};

  // Without a pin: a second check with the same result, then the signal at once. Two processes could only be
  // confused if the pid came round within one clock tick or between these two calls.
  ProcessFiles by_number(proc.value(), id.pid, -1);
  if (const auto refused = identity_refusal(check_identity(by_number, id)))
    return {*refused, SignalPin::kNumber};
  return {outcome_of(kill(id.pid, signo) == 0 ? 0 : errno), SignalPin::kNumber};
}

}  // namespace reaper
