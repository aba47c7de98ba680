{
  "variables": {
    "core_sources": [
      "native/core/base/owners.cc",
      "native/core/proc/parse.cc",
      "native/core/proc/proc_dir.cc",
      "native/core/killable/reader.cc",
      "native/core/killable/argv.cc",
      "native/core/killable/environ.cc",
      "native/core/snapshot/snapshot.cc",
      "native/core/snapshot/scan.cc",
      "native/core/snapshot/read_process.cc",
      "native/core/snapshot/select.cc",
      "native/core/signals/signal.cc",
      "native/core/sockets/sock_diag.cc",
      "native/core/sockets/socket_table.cc",
      "native/core/sockets/socket_holders.cc",
      "native/core/sockets/unlisted.cc",
      "native/core/sockets/connections.cc",
      "native/core/files/files.cc"
    ],
    "addon_sources": [
      "native/addon/to_js.cc",
      "native/addon/addon.cc"
    ],
    "hook_sources": [
      "native/hook/syslog.cc",
      "native/hook/session.cc",
      "native/hook/tag.cc",
      "native/hook/tag_store.cc",
      "native/hook/close.cc",
      "native/hook/fault_count.cc",
      "native/hook/main.cc"
    ],
    "warnings": ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-fstack-protector-strong"]
  },
  "targets": [
    {
      "target_name": "reaper_native",
      "sources": ["<@(core_sources)", "<@(addon_sources)"],
      "include_dirs": ["native"],
      "dependencies": ["<!(node -p \"require('node-addon-api').targets\"):node_addon_api_except_all"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_CPP_EXCEPTIONS", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL"],
      "cflags_cc": ["-std=c++17", "-fexceptions", "-fvisibility=hidden", "<@(warnings)"],
      "ldflags": ["-Wl,-z,relro,-z,now,-z,noexecstack"]
    }
  ]
}
