// Writes native/hook/catalogue_data.h from src/core/recognition/catalogue.json; with --check fails when the header is stale.
import { readFileSync, writeFileSync } from "node:fs";

const HEADER = new URL("../native/hook/catalogue_data.h", import.meta.url);
const CATALOGUE = new URL("../src/core/recognition/catalogue.json", import.meta.url);

/** Makes a C++ literal. What would need escaping has no place in a pattern of a path, so it is refused. */
function literal(text) {
  if (typeof text !== "string" || !/^[A-Za-z0-9._/*{}@-]+$/.test(text))
    throw new Error(`catalogue.json: ${JSON.stringify(text)} cannot be put into the header`);
  return `"${text}"`;
}

/** A pattern is compared component by component, so an empty component would never fit. */
function pattern(text) {
  if (text.split("/").includes("")) throw new Error(`catalogue.json: ${text} has an empty component`);
  return literal(text);
}

const named = (entries) =>
  entries.map(({ path, product }) => `    {${pattern(path)}, ${literal(product)}},`).join("\n");
const list = (texts) => texts.map(pattern).join(", ");

function header({ products, programs, installs, forkDirectories, extensionFolder, shapes }) {
  const folders = products.flatMap(({ id, directories }) =>
    directories.map((path) => ({ path, product: id })),
  );
  // A script that is named by its file alone is never an executable of its own.
  const executables = programs
    .flatMap(({ paths, product }) => paths.map((path) => ({ path, product })))
    .filter(({ path }) => path.includes("/"));
  const layouts = installs.map(({ path, product = "unknown-fork" }) => ({ path, product }));
  const clis = products.flatMap(({ id, cli = [] }) => cli.map((path) => ({ path, product: id })));
  return `// Generated from src/core/recognition/catalogue.json by scripts/catalogue-header.mjs; do not edit.
#pragma once

#include <string_view>

namespace reaper::catalogue_data {

struct Named {
  std::string_view pattern;  // see path_pattern.h
  std::string_view product;
};

// clang-format off
inline constexpr Named kPrograms[] = {
${named(executables)}
};

inline constexpr Named kFolders[] = {
${named(folders)}
};

inline constexpr Named kLayouts[] = {
${named(layouts)}
};

inline constexpr Named kClis[] = {
${named(clis)}
};

inline constexpr std::string_view kForkFolders[] = {${list(forkDirectories)}};
inline constexpr std::string_view kExtensionFolder = ${pattern(extensionFolder.path)};
inline constexpr std::string_view kExtensionNotIn[] = {${list(extensionFolder.notIn)}};
inline constexpr std::string_view kHelperFolders[] = {${list(shapes.helperFolders)}};
inline constexpr std::string_view kNodeNames[] = {${list(shapes.nodeNames)}};
inline constexpr std::string_view kSillyRenamed = ${literal(shapes.silly)};
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
