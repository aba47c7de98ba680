// Work shared by this thread and a second one beside it.
#pragma once

#include <pthread.h>

namespace reaper {

// Whether this program may run on two processors at once.
bool has_two_processors();

// A thread that takes none of the host program's signals; 0 or an errno (EAGAIN: no more are allowed).
int start_thread(void* (*body)(void*), void* argument, pthread_t* thread);

// Calls `own` here and `other` in a second thread, and returns when both have ended. False, and neither was
// called, where there is no second processor or no thread to be had. Guard: `other` must not allocate, for
// lack of memory could not be told there.
template <typename Own, typename Other>
bool in_two_threads(Own own, Other other) {
  // Also when `own` throws: the other one works with what lives here.
  struct Joined {
    pthread_t thread;
    ~Joined() { pthread_join(thread, nullptr); }
  };
  const auto body = [](void* argument) -> void* {
    (*static_cast<Other*>(argument))();
    return nullptr;
  };
  pthread_t thread;
  if (!has_two_processors() || start_thread(body, &other, &thread) != 0) return false;
  const Joined joined{thread};
  own();
  return true;
}

}  // namespace reaper
