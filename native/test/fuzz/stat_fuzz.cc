// /proc/PID/stat. Any bytes are a line of the kernel's or are refused; and a process may call itself whatever
// it likes without changing any other field.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/proc/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto stat = reaper::parse_stat(text)) {
    if (stat->pid < 1 || stat->ppid < 0 || stat->threads < 0 || stat->rss_pages < 0) __builtin_trap();
    if (text.find("(" + stat->comm + ")") == std::string_view::npos) __builtin_trap();
    // A line that is cut anywhere is not a process.
    for (std::size_t cut = 0; cut < size && cut < 400; ++cut)
      if (text[cut] != '\n' && reaper::parse_stat(text.substr(0, cut + 1))) __builtin_trap();
  }
  const std::string line = "4711 (" + std::string(text) +
                           ") S 1 4711 4710 34816 -1 4194304 1 0 0 0 3 4 0 0 20 -5 7 0 8899 1024 25 "
                           "18446744073709551615 1 1 0\n";
  const auto forged = reaper::parse_stat(line);
  if (!forged || forged->pid != 4711 || forged->comm != text || forged->state != 'S' || forged->ppid != 1 ||
      forged->pgid != 4711 || forged->sid != 4710 || forged->tty != 34816 || forged->threads != 7 ||
      forged->start_time != 8899 || forged->rss_pages != 25)
    __builtin_trap();
  return 0;
}
