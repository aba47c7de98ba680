// Generated from src/core/recognition/catalogue.json by scripts/catalogue-header.mjs; do not edit.
#pragma once

#include <string_view>

namespace reaper::catalogue_data {

struct Named {
  std::string_view pattern;  // see path_pattern.h
  std::string_view product;
};

// clang-format off
inline constexpr Named kPrograms[] = {
    {".zed_server/zed-remote-server*", "zed"},
    {".zed_wsl_server/zed-remote-server*", "zed"},
    {"zed/external_agents/**", "zed"},
    {"JetBrains/RemoteDev/dist/**/java", "jetbrains"},
    {"JetBrains/RemoteDev/dist/**/remote-dev-server.sh", "jetbrains"},
    {"JetBrains/RemoteDev/dist/**", "jetbrains"},
    {"JetBrains/Toolbox/apps/**/remote-dev-server.sh", "jetbrains"},
    {"JetBrains/Toolbox/apps/**", "jetbrains"},
    {"JetBrains/Toolbox-CLI-dist/**", "jetbrains"},
    {"bin/codex", "codex"},
    {"bin/codex.js", "codex"},
    {"vendor/*/codex/codex", "codex"},
    {"packages/standalone/**/codex", "codex"},
    {".claude/remote/srv/*/server", "claude-remote"},
    {".claude/remote/server", "claude-remote"},
    {".claude/remote/ccd-cli/*", "claude-remote"},
    {".claude/remote/ccd-cli", "claude-remote"},
    {"cursor-agent/versions/*/index.js", "cursor-agent"},
    {"cursor-agent/versions/*/cursor-agent", "cursor-agent"},
    {".cursor-server/bin/multiplex-server/*.js", "cursor"},
};

inline constexpr Named kFolders[] = {
    {".vscode-server", "vscode"},
    {".vscode-remote", "vscode"},
    {".vscode-cli", "vscode"},
    {".vscode-server-insiders", "vscode-insiders"},
    {".vscode-remote-insiders", "vscode-insiders"},
    {".vscode-cli-insider", "vscode-insiders"},
    {".vscode-server-exploration", "vscode-exploration"},
    {".vscode-cli-exploration", "vscode-exploration"},
    {".vscode-server-oss", "vscode-oss"},
    {".vscode-server-oss-dev", "vscode-oss"},
    {"vscode/vscode-server", "devcontainer"},
    {"vscode/bin/*/{commit}", "devcontainer"},
    {".vscodium-server", "vscodium"},
    {".vscodium-server-insiders", "vscodium"},
    {".cursor-server", "cursor"},
    {".windsurf-server", "windsurf"},
    {".windsurf-server-next", "windsurf"},
    {".devin-server", "devin"},
    {".devin-server-next", "devin"},
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
    {".codebuddy-server-cn", "codebuddy"},
    {".lingma-server", "lingma"},
    {".zed_server", "zed"},
    {".zed_wsl_server", "zed"},
    {"JetBrains/RemoteDev/dist", "jetbrains"},
    {".vscode/cli", "tunnel"},
    {".vscode-insiders/cli", "tunnel"},
    {"lib/code-server", "code-server"},
    {".code-server", "code-server"},
    {"node_modules/code-server", "code-server"},
    {"code-server-*", "code-server"},
    {".openvscode-server", "openvscode-server"},
    {"openvscode-server", "openvscode-server"},
    {"openvscode-server-*", "openvscode-server"},
};

inline constexpr Named kLayouts[] = {
    {"cli/serve-web/{commit}", "serve-web"},
    {"lib/vscode/out", "code-server"},
    {"cli/servers/*-{commit}/server", "unknown-fork"},
    {"bin/{commit}", "unknown-fork"},
    {"bin/*/{commit}", "unknown-fork"},
    {"bin/*-{commit}", "unknown-fork"},
};

inline constexpr Named kClis[] = {
    {"code", "vscode"},
    {"code-insiders", "vscode-insiders"},
    {"code-exploration", "vscode-exploration"},
    {"code-oss", "vscode-oss"},
    {"codium", "vscodium"},
    {"codium-insiders", "vscodium"},
    {"cursor", "cursor"},
    {"windsurf", "windsurf"},
    {"positron", "positron"},
    {"code-tunnel", "tunnel"},
    {"code-tunnel-insiders", "tunnel"},
    {"cursor-tunnel", "tunnel"},
    {"codium-tunnel", "tunnel"},
    {"windsurf-tunnel", "tunnel"},
    {"positron-tunnel", "tunnel"},
};

inline constexpr std::string_view kForkFolders[] = {".*-server", ".*-server-insiders", ".*-server-next", ".*-server-cn", ".*-server-oss", ".*-server-exploration", ".*-server-nightly", ".*-server-preview", ".*-server-beta", ".*-server-dev"};
inline constexpr std::string_view kExtensionFolder = "extensions/*.*-*.*.*";
inline constexpr std::string_view kExtensionNotIn[] = {".*", "data", "code-server"};
inline constexpr std::string_view kHelperFolders[] = {"extensions", "node_modules"};
inline constexpr std::string_view kNodeNames[] = {"node"};
inline constexpr std::string_view kSillyRenamed = ".nfs";
// clang-format on

}  // namespace reaper::catalogue_data
