// /proc/PID/environ. Any bytes, in pieces cut anywhere, name the same variables as a plain reading of the
// whole.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/killable/environ_parse.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string_view names[] = {"SLURM_JOB_ID", "JOB_ID", "A", "_CONDOR_JOB_AD"};
  reaper::EnvironQuery query{};
  for (const std::string_view name : names)
    if (!query.add(name)) __builtin_trap();
  reaper::EnvironScan scan(query);
  const std::size_t piece = std::size_t{1} + data[0];
  for (std::size_t at = 0; at < text.size(); at += piece) scan.take(text.substr(at, piece));
  std::uint32_t plain = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view entry = text.substr(at, text.find('\0', at) - at);
    for (std::size_t i = 0; i < 4; ++i)
      if (entry.find('=') != std::string_view::npos && entry.substr(0, entry.find('=')) == names[i])
        plain |= std::uint32_t{1} << i;
    at += entry.size() + 1;
  }
  if (scan.met() != plain) __builtin_trap();
  reaper::EnvironQuery own{};
  if (own.add(text) && (text.empty() || text.find('=') != std::string_view::npos)) __builtin_trap();
  return 0;
}
