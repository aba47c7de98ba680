// Patterns of paths, as src/core/recognition/path-pattern.ts reads them: `*` stands for one character or more
// of a component, `{commit}` for 40 lower-case hexadecimal digits, `**` for one component or more.
#pragma once

#include <string_view>
#include <vector>

namespace reaper {

using Components = std::vector<std::string_view>;

// Splits a path; runs of slashes count as one. The components point into `path`.
Components components_of(std::string_view path);

// Whether a component fits a pattern. Takes time in proportion to the product of both lengths, whatever they
// hold.
bool fits_name(std::string_view name, std::string_view pattern);

// Whether the components from `at` on begin with those of `pattern`.
bool fits_at(const Components& parts, std::size_t at, const Components& pattern);

// Whether the end of a path fits a pattern with at most one `**`.
bool fits_end(const Components& parts, const Components& pattern);

}  // namespace reaper
