// Checks that stay on in a release build. A failed one names its line and the test goes on, so one run shows
// all; of a mutant (scripts/mutation-native.mjs) the first one shows enough.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

inline int g_checks = 0;
inline int g_failures = 0;
inline int g_skips = 0;

#define CHECK(condition)                                                   \
  do {                                                                     \
    ++g_checks;                                                            \
    if (!(condition)) {                                                    \
      ++g_failures;                                                        \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      if (std::getenv("MUTANT") != nullptr) std::_Exit(1);                 \
    }                                                                      \
  } while (0)

// A part that this machine or user cannot run: the whole test is then reported as skipped, and fails for root
// with CI=true. An ordinary user's test leaves out what root's runs.
inline void skip(const char* why) {
  ++g_skips;
  std::printf("skipped: %s\n", why);
}

// Whether a test can build processes of two users; where it cannot, that part is skipped.
inline bool is_root() {
  if (geteuid() == 0) return true;
  skip("only root can build processes of two users");
  return false;
}

// The exit status of a test; 77 is SKIP_RETURN_CODE in CMakeLists.txt.
inline int report(const char* name) {
  std::printf("%s: %d passed, %d failed, %d skipped\n", name, g_checks - g_failures, g_failures, g_skips);
  const char* ci = std::getenv("CI");
  const bool must_run = geteuid() == 0 && ci != nullptr && std::strcmp(ci, "true") == 0;
  if (g_failures > 0 || (g_skips > 0 && must_run)) return 1;
  return g_skips > 0 ? 77 : 0;
}
