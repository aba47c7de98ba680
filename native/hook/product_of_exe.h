// Recognises a server process by its executable alone, from the same data as the sweep
// (src/core/catalogue.json).
#pragma once

#include <string_view>

namespace reaper {

// The product's id ("vscode", "cursor", …, "unknown-fork"), or empty when exe is no server's executable.
// `exe` is the text of the exe link; a trailing " (deleted)" is ignored.
std::string_view product_of_exe(std::string_view exe);

}  // namespace reaper
