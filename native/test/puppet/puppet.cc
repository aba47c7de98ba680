#include "test/puppet/puppet.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

// The environment is asked first: after an exec by the stage, argv is whatever the plan says and means
// nothing here.
int main(int argc, char** argv) {
  using namespace reaper::puppet;
  if (getenv("PUPPET_BEHAVIOUR") != nullptr) return run_behaviours(argc, argv);
  if (getenv("PUPPET_LAUNCH") != nullptr) return run_launched(argc, argv);
  const char* mode = argc > 1 ? argv[1] : "";
  if (strcmp(mode, "--stage") == 0) return run_stage(argc, argv);
  if (strcmp(mode, "--host") == 0) return run_host(argc, argv);
  if (strcmp(mode, "--init") == 0) return run_init(argc, argv);
  std::fprintf(stderr,
               "usage: puppet --stage RUN_DIR < plan\n"
               "       puppet --host < lines of count, uid, executable, argv\n"
               "       puppet --init COMMAND [ARGUMENT...]\n");
  return 64;
}
