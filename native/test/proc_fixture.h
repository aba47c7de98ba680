// Builds a proc folder in a temporary place, in the kernel's formats, and removes it at the end.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace reaper {

// The uid of built processes: folders can be given away by root only.
inline uid_t fixture_uid() { return geteuid() == 0 ? 1001 : geteuid(); }

struct FakeProcess {
  pid_t pid = 100, ppid = 1;
  std::string comm = "node";
  std::string exe = "/usr/bin/node";  // empty: no link, as of a kernel thread
  std::vector<std::string> argv = {"node"};
  uid_t uid = fixture_uid();
  std::uint64_t start_time = 5000;
  char state = 'S';
  int threads = 1;
  std::string cgroup = "0::/user.slice/user-1001.slice/session-c1.scope\n";
  std::string mnt_ns = "mnt:[4026531841]";
  std::string session_id = "7", login_uid = "1001";
  bool ignores_hangup = false;
  bool cmdline_blocks = false;  // a FIFO that nobody writes: a reader waits until it is killed
};

inline void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

inline std::string stat_line(const FakeProcess& p) {
  const std::string pid = std::to_string(p.pid);
  return pid + " (" + p.comm + ") " + p.state + " " + std::to_string(p.ppid) + " " + pid + " " + pid +
         " 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 " + std::to_string(p.threads) + " 0 " +
         std::to_string(p.start_time) +
         " 1000000 256 18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 " + "0 0 0 0 0 0 0 0 0 0\n";
}

inline std::string status_text(const FakeProcess& p) {
  const std::string uid = std::to_string(p.uid);
  return "Name:\t" + p.comm + "\nUmask:\t0022\nState:\tS (sleeping)\nPid:\t" + std::to_string(p.pid) +
         "\nUid:\t" + uid + "\t" + uid + "\t" + uid + "\t" + uid +
         "\nGid:\t100\t100\t100\t100\nThreads:\t1\nSigIgn:\t000000000000100" +
         (p.ignores_hangup ? "1" : "0") + "\n";
}

class ProcFixture {
 public:
  ProcFixture() {
    std::string name = (std::filesystem::temp_directory_path() / "reaper-proc-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    root_ = name;
    std::filesystem::create_directories(root_ + "/sys/kernel/random");
    std::filesystem::create_directories(root_ + "/self/ns");
    write_file(root_ + "/sys/kernel/random/boot_id", "3f0c4f3e-1111-2222-3333-444455556666\n");
    std::filesystem::create_symlink("user:[4026531837]", root_ + "/self/ns/user");
    std::filesystem::create_symlink("pid:[4026531836]", root_ + "/self/ns/pid");
  }
  ProcFixture(const ProcFixture&) = delete;
  ProcFixture& operator=(const ProcFixture&) = delete;
  ~ProcFixture() { std::filesystem::remove_all(root_); }

  const std::string& root() const { return root_; }
  std::string path(pid_t pid, const char* file) const {
    return root_ + "/" + std::to_string(pid) + "/" + file;
  }

  void add(const FakeProcess& p) const {
    const std::string folder = root_ + "/" + std::to_string(p.pid);
    std::filesystem::create_directories(folder + "/ns");
    write_file(folder + "/stat", stat_line(p));
    write_file(folder + "/status", status_text(p));
    write_file(folder + "/cgroup", p.cgroup);
    write_file(folder + "/loginuid", p.login_uid);
    write_file(folder + "/sessionid", p.session_id);
    if (!p.exe.empty()) std::filesystem::create_symlink(p.exe, folder + "/exe");
    std::filesystem::create_symlink("user:[4026531837]", folder + "/ns/user");
    std::filesystem::create_symlink("pid:[4026531836]", folder + "/ns/pid");
    std::filesystem::create_symlink(p.mnt_ns, folder + "/ns/mnt");
    std::string line;
    for (const std::string& argument : p.argv) line.append(argument.c_str(), argument.size() + 1);
    if (p.cmdline_blocks) {
      if (mkfifo((folder + "/cmdline").c_str(), 0600) != 0) std::abort();
    } else {
      write_file(folder + "/cmdline", line);
    }
    if (geteuid() == 0 && chown(folder.c_str(), p.uid, 0) != 0) std::abort();
  }

 private:
  std::string root_;
};

}  // namespace reaper
