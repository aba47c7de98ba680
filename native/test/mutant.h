// What the sources that scripts/mutation-native.mjs changed call. MUTANT is the number of the one change that
// is made; MUTANTS_REACHED names a file in which the byte of each change that a test comes by is set.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <utility>

namespace mutation {

struct Chosen {
  Chosen() {
    if (const char* number = std::getenv("MUTANT")) id = std::atoi(number);
    const char* path = std::getenv("MUTANTS_REACHED");
    const int fd = path == nullptr ? -1 : open(path, O_RDWR | O_CLOEXEC);
    struct stat file{};
    if (fd < 0 || fstat(fd, &file) != 0) return;
    // Shared with every child, whatever it closes and whoever it becomes.
    void* bytes = mmap(nullptr, static_cast<std::size_t>(file.st_size), PROT_WRITE, MAP_SHARED, fd, 0);
    if (bytes != MAP_FAILED) reached = static_cast<char*>(bytes);
    close(fd);
  }
  int id = 0;
  char* reached = nullptr;
};
inline Chosen g_chosen;

inline bool mutant(int id) {
  if (g_chosen.reached != nullptr) g_chosen.reached[id] = 1;
  return g_chosen.id == id;
}

// Zero, false or nothing in place of a value.
template <typename T>
T none(int id, T value) {
  return mutant(id) ? T{} : std::move(value);
}

// One operator in place of another.
template <typename Written, typename Changed, typename A, typename B>
auto pick(int id, Written written, Changed changed, const A& a, const B& b) {
  return mutant(id) ? changed(a, b) : written(a, b);
}

}  // namespace mutation
