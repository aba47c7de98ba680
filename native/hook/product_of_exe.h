// Recognises a server process by its executable alone, from the same data as the sweep
// (src/core/recognition/catalogue.json).
#pragma once

#include <string_view>

namespace reaper {

// The product's id ("vscode", "cursor", …, "unknown-fork"), or empty when exe is not a server's executable.
// `exe` is the text of the exe link; a trailing " (deleted)" is ignored.
std::string_view product_of_exe(std::string_view exe);

// Whether a process of this name may be a server: all that is left where the kernel refuses the exe link.
// `comm` is field 2 of proc_pid_stat(5), cut to 15 bytes. Wide on purpose: a tag on another process dates
// nothing.
bool may_be_server(std::string_view comm);

}  // namespace reaper
