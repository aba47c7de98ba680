// Writes native/hook/catalogue_data.h from src/core/recognition/catalogue.json; with --check fails when the header is stale.
import { readFileSync, writeFileSync } from "node:fs";

const HEADER = new URL("../native/hook/catalogue_data.h", import.meta.url);
const CATALOGUE = new URL("../src/core/recognition/catalogue.json", import.meta.url);

/** A C++ literal. What would need escaping has no place in a directory's name, so it is refused instead. */
function literal(text) {
  if (typeof text !== "string" || !/^[A-Za-z0-9._/-]+$/.test(text))
    throw new Error(`catalogue.json: ${JSON.stringify(text)} cannot be put into the header`);
  return `"${text}"`;
}

/** A directory is compared component by component, so an empty component would never match. */
function directory(text) {
  if (text.split("/").includes("")) throw new Error(`catalogue.json: ${text} has an empty component`);
  return literal(text);
}

function header({ products, shapes }) {
  // The longest first, as src/core/recognition/catalogue.ts has it: where two match, both sides name the same product.
  const directories = products
    .flatMap(({ id, directories }) => directories.map((path) => ({ id, path })))
    .sort((a, b) => b.path.split("/").length - a.path.split("/").length)
    .map(({ id, path }) => `    {${directory(path)}, ${literal(id)}},`);
  return `// Generated from src/core/recognition/catalogue.json by scripts/catalogue-header.mjs; do not edit.
#pragma once

#include <string_view>

namespace reaper::catalogue_data {

struct Directory {
  std::string_view path;  // one or more whole components
  std::string_view product;
};

// clang-format off
inline constexpr Directory kDirectories[] = {
${directories.join("\n")}
};

inline constexpr std::string_view kHelperFolders[] = {${shapes.helperFolders.map(directory).join(", ")}};
// clang-format on

}  // namespace reaper::catalogue_data
`;
}

const wanted = header(JSON.parse(readFileSync(CATALOGUE, "utf8")));
if (process.argv[2] === "--check") {
  if (readFileSync(HEADER, "utf8") !== wanted) {
    console.error(
      "native/hook/catalogue_data.h is stale; run: node scripts/catalogue-header.mjs, and commit it",
    );
    process.exitCode = 1;
  }
} else {
  writeFileSync(HEADER, wanted);
}
