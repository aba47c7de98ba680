// Checks that stay on in a release build. A failed one names its line and the test goes on, so one run shows
// all.
#pragma once

#include <cstdio>

inline int g_checks = 0;
inline int g_failures = 0;

#define CHECK(condition)                                                   \
  do {                                                                     \
    ++g_checks;                                                            \
    if (!(condition)) {                                                    \
      ++g_failures;                                                        \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
    }                                                                      \
  } while (0)

inline int report(const char* name) {
  std::printf("%s: %d passed, %d failed\n", name, g_checks - g_failures, g_failures);
  return g_failures == 0 ? 0 : 1;
}
