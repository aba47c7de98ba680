#include "hook/close.h"

#include "core/base/clock.h"
#include "hook/tag_store.h"

namespace reaper::hook {

Result<std::optional<Tag>> close_session(const Places& places, const ClientText& text) {
  Result<ProcDir> proc = ProcDir::open(places.proc_root);
  if (!proc) return proc.failure();
  const Result<Session> session = identify(proc.value(), text);
  if (!session) return session.failure();
  const uid_t uid = session.value().uid;
  if (uid == 0 || uid < read_uid_min(proc.value(), places.login_defs)) return std::optional<Tag>{};
  std::string_view boot_id;
  const int error = proc.value().read(proc.value().fd(), "sys/kernel/random/boot_id", &boot_id);
  if (error != 0) return Failure{error, "read boot_id"};
  const Tag tag{std::string(boot_id.substr(0, boot_id.find('\n'))),
                uid,
                session.value().audit_session,
                session.value().logind_session,
                now_ms(CLOCK_REALTIME),
                now_ms(CLOCK_BOOTTIME),
                session.value().remote_host};
  const Result<bool> written = write_tag(places.tag_directory, places.owner, tag);
  if (!written)
    return Failure{written.failure().code, "uid " + std::to_string(uid) + ": " + written.failure().what};
  return std::optional<Tag>{tag};
}

std::string describe(const Tag& tag) {
  std::string session = "a session";
  if (tag.logind_session)
    session = "session " + *tag.logind_session;
  else if (tag.audit_session)
    session = "audit session " + std::to_string(*tag.audit_session);
  return "uid " + std::to_string(tag.uid) + ": " + session +
         (tag.remote_host ? " from " + *tag.remote_host : "") +
         " closed; IDE servers that it left running are ended after their grace period unless a client "
         "returns";
}

}  // namespace reaper::hook
