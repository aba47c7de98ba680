// Holds a process while its identity is checked, so that no other process can take its number in between.
#pragma once

#include <sys/types.h>

#include <string_view>

#include "core/base/fd.h"
#include "core/proc/proc_dir.h"
#include "core/signals/signal.h"

namespace reaper {

struct Pin {
  SignalPin kind = SignalPin::kNumber;
  UniqueFd fd;  // a pidfd, or the folder of the process; invalid for kNumber
};

// Pins a process by the best means that this kernel has. Answers 0, or the errno that says that the process
// is gone or that no descriptor can be had.
int take_pin(const ProcDir& proc, pid_t pid, Pin* pin);

// A pidfd, or an errno. ENOSYS: the kernel (RHEL 8) or a seccomp filter has no pidfd_open(2).
int open_pidfd(pid_t pid, UniqueFd* fd);

// Signals through the pin. Answers 0 or an errno; ENOSYS: this pin cannot carry a signal, so kill(2) must.
int signal_pinned(const Pin& pin, int signo);

// The files of one process: read through its pinned folder where there is one, else by its number.
class ProcessFiles {
 public:
  ProcessFiles(ProcDir& proc, pid_t pid, int folder) : proc_(proc), pid_(pid), folder_(folder) {}

  // 0 or an errno; the text lives until the next read.
  int read(const char* file, std::string_view* text) {
    return folder_ >= 0 ? proc_.read(folder_, file, text) : proc_.read_of(pid_, file, text);
  }

 private:
  ProcDir& proc_;
  pid_t pid_;
  int folder_;
};

enum class IdentityCheck { kSame, kGone, kRecycled, kUnreadable };

// Compares the pid and the start time of /proc/PID/stat. A zombie with one thread has ended; one with more
// threads is alive, for only its first thread has ended (measured on Linux 6.18).
IdentityCheck check_identity(ProcessFiles& files, const ProcId& id);

}  // namespace reaper
