// Generated from src/core/catalogue.json by scripts/catalogue-header.mjs; do not edit.
#pragma once

#include <string_view>

namespace reaper::catalogue_data {

struct Directory {
  std::string_view path;  // one or more whole components
  std::string_view product;
};

// clang-format off
inline constexpr Directory kDirectories[] = {
    {"JetBrains/RemoteDev/dist", "jetbrains"},
    {"vscode/vscode-server", "devcontainer"},
    {"vscode/bin", "devcontainer"},
    {".vscode/cli", "tunnel"},
    {".vscode-insiders/cli", "tunnel"},
    {"lib/code-server", "code-server"},
    {".vscode-server", "vscode"},
    {".vscode-remote", "vscode"},
    {".vscode-server-insiders", "vscode-insiders"},
    {".vscode-remote-insiders", "vscode-insiders"},
    {".vscode-server-exploration", "vscode-exploration"},
    {".vscode-server-oss", "vscode-oss"},
    {".vscodium-server", "vscodium"},
    {".vscodium-server-insiders", "vscodium"},
    {".cursor-server", "cursor"},
    {".cursor-nightly-server", "cursor"},
    {".windsurf-server", "windsurf"},
    {".windsurf-next-server", "windsurf"},
    {".antigravity-server", "antigravity"},
    {".antigravity-ide-server", "antigravity"},
    {".trae-server", "trae"},
    {".trae-cn-server", "trae"},
    {".trae-aicc", "trae"},
    {".kiro-server", "kiro"},
    {".positron-server", "positron"},
    {".bobide-server", "bobide"},
    {".void-server", "void"},
    {".para-code-server", "para-code"},
    {".qoder-server", "qoder"},
    {".codebuddy-server", "codebuddy"},
    {".lingma-server", "lingma"},
    {".zed_server", "zed"},
    {".zed_wsl_server", "zed"},
};

inline constexpr std::string_view kHelperFolders[] = {"extensions", "node_modules"};
// clang-format on

}  // namespace reaper::catalogue_data
