#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test/puppet/puppet.h"

namespace reaper::puppet {

namespace {

// The numbers are the same on every architecture; old headers lack the names.
constexpr long kPidfdSendSignal = 424;
constexpr long kPidfdOpen = 434;

}  // namespace

bool read_stat(pid_t pid, char* state, std::string* start) {
  std::string text = read_text("/proc/" + std::to_string(pid) + "/stat");
  size_t close = text.rfind(')');
  if (close == std::string::npos) return false;
  std::vector<std::string> fields = split(std::string_view(text).substr(close + 1), ' ');
  if (fields.size() < 21) return false;
  *state = fields[1][0];
  *start = fields[20];
  return true;
}

bool runs(pid_t pid, const std::string& exe) {
  struct stat running{}, planned{};
  std::string link = "/proc/" + std::to_string(pid) + "/exe";
  return stat(link.c_str(), &running) == 0 && stat(exe.c_str(), &planned) == 0 &&
         running.st_dev == planned.st_dev && running.st_ino == planned.st_ino;
}

bool end_process(pid_t pid, const std::string& start) {
  int pin = static_cast<int>(syscall(kPidfdOpen, pid, 0));
  char state;
  std::string now;
  bool alive = read_stat(pid, &state, &now) && now == start;
  if (alive && pin >= 0) syscall(kPidfdSendSignal, pin, SIGKILL, nullptr, 0);
  if (alive && pin < 0) kill(pid, SIGKILL);
  if (pin >= 0) close(pin);
  return !alive || state == 'Z' || state == 'X';
}

}  // namespace reaper::puppet
