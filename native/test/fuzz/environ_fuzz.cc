// /proc/PID/environ. Any bytes name the same variables as a reading of one byte after the other.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/killable/environ.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> names = {"SLURM_JOB_ID", "JOB_ID", "A", "_CONDOR_JOB_AD"};
  std::string plain(names.size(), '0'), met = plain;
  std::string name;
  bool in_value = false;
  for (const char c : text) {
    if (c == '=' && !in_value)
      for (std::size_t i = 0; i < names.size(); ++i)
        if (name == names[i]) plain[i] = '1';
    in_value = c != '\0' && (in_value || c == '=');
    if (c == '\0') name.clear();
    if (c != '\0' && !in_value) name += c;
  }
  reaper::match_environ(text, names, met.data());
  if (met != plain) __builtin_trap();
  return 0;
}
