// One sweep at a time: an flock that lives as long as this process.
#pragma once

#include <string>

#include "core/base/result.h"

namespace reaper {

// True: held from now on. False: another process holds it. Refuses to follow a symlink.
Result<bool> take_lock(const std::string& path);

}  // namespace reaper
