{
  "variables": {
    "core_sources": [
      "native/core/parse.cc",
      "native/core/proc_dir.cc",
      "native/core/two_threads.cc",
      "native/core/memory_parse.cc",
      "native/core/memory_helper.cc",
      "native/core/memory_reader.cc",
      "native/core/argv_reader.cc",
      "native/core/memory_facts.cc",
      "native/core/snapshot.cc",
      "native/core/snapshot_scan.cc",
      "native/core/snapshot_read.cc",
      "native/core/snapshot_kin.cc",
      "native/core/snapshot_argv.cc",
      "native/core/identity.cc",
      "native/core/netlink_parse.cc",
      "native/core/netlink.cc",
      "native/core/socket_table.cc",
      "native/core/fd_reader.cc",
      "native/core/fd_table.cc",
      "native/core/link_table.cc",
      "native/core/connections.cc",
      "native/core/catalogue.cc",
      "native/core/tag.cc",
      "native/core/tag_store.cc",
      "native/core/lock.cc",
      "native/core/acl.cc"
    ],
    "addon_sources": [
      "native/addon/arguments.cc",
      "native/addon/convert.cc",
      "native/addon/convert_process.cc",
      "native/addon/workers.cc",
      "native/addon/addon.cc"
    ],
    "hook_sources": [
      "native/hook/syslog.cc",
      "native/hook/session.cc",
      "native/hook/cgroup_walk.cc",
      "native/hook/survivors.cc",
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
      "cflags_cc": ["-std=c++17", "-fexceptions", "-fvisibility=hidden", "<@(warnings)"]
    }
  ]
}
