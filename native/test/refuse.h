// What the kernel answers in place of the truth: system calls of this process and its children that fail from
// here on, as on an older kernel, in a container or where resources are spent.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

namespace reaper {

struct Refusal {
  unsigned call;
  int error;
  // Only where this argument, under this mask, has this value.
  std::size_t argument = 0;
  unsigned mask = 0, value = 0;
};

inline bool refuse(const std::vector<Refusal>& refusals) {
  std::vector<sock_filter> filter;
  for (const Refusal& each : refusals) {
    const auto argument =
        static_cast<unsigned>(offsetof(seccomp_data, args) + each.argument * sizeof(std::uint64_t));
    const sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, each.call, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, each.mask),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, each.value, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(each.error)),
    };
    filter.insert(filter.end(), std::begin(steps), std::end(steps));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace reaper
