// A built host, and the reader of its command lines.
#pragma once

#include "core/killable/argv.h"
#include "test/child.h"
#include "test/proc_fixture.h"

namespace reaper {

struct Host {
  void add(pid_t pid, const std::vector<std::string>& argv, bool blocks = false) const {
    FakeProcess fake;
    fake.pid = pid;
    fake.argv = argv;
    fake.cmdline_blocks = blocks;
    fixture.add(fake);
  }
  MemoryReader reader(int timeout_ms, int budget_ms) const {
    return MemoryReader(kCmdline, proc.fd(), timeout_ms, budget_ms);
  }

  ProcFixture fixture;
  ProcDir proc = ProcDir::open(fixture.root()).take();
};

}  // namespace reaper
