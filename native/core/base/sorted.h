// Sorted lists as sets.
#pragma once

#include <algorithm>
#include <vector>

namespace reaper {

template <typename T>
void sort_unique(std::vector<T>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

}  // namespace reaper
