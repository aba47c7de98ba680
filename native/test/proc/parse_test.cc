#include "core/proc/parse.h"

#include <string>

#include "test/check.h"
#include "test/proc_fixture.h"

using namespace reaper;

namespace {

// Names that a user can give a process with prctl(PR_SET_NAME).
const std::string kHostileNames[] = {
    "",           ")",       "((",           "a b",      ") R 1 1", "x) S 2 (y",      "\n",
    "a\nUid:\t0", "\033[2J", "\xff\xfe\x80", "(sd-pam)", "\t",      "fifteen bytes ", ") Z 1 1 1 0 0 0"};

void stat_lines() {
  for (const std::string& name : kHostileNames) {
    FakeProcess fake;
    fake.comm = name;
    fake.ppid = 77;
    fake.threads = 12;
    fake.start_time = 123456789;
    const std::string line = stat_line(fake);
    const auto stat = parse_stat(line);
    CHECK(stat.has_value());
    if (!stat) continue;
    CHECK(stat->comm == name);
    CHECK(stat->pid == 100 && stat->ppid == 77 && stat->pgid == 100 && stat->sid == 100);
    CHECK(stat->state == 'S' && stat->threads == 12 && stat->start_time == 123456789);
    CHECK(stat->tty == 0 && stat->rss_pages == 256);
    for (std::size_t cut = 0; cut < line.size(); ++cut)
      CHECK(!parse_stat(std::string_view(line).substr(0, cut)));
  }
  const std::string tail = " 1 1 1 34816 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 ";
  CHECK(parse_stat("5 (a) R" + tail + "9 0 7 0 0\n").has_value());
  CHECK(parse_stat("5 (a) R" + tail + "9 0 7 0 0\n")->tty == 34816);
  CHECK(parse_stat("5 (a) R" + tail + "9007199254740991 0 7 0\n").has_value());
  const auto cpu_ticks = [](const std::string& times) {
    const auto stat = parse_stat("5 (a) R 1 1 1 0 -1 0 0 0 0 0 " + times + " 20 0 1 0 9 0 7 0\n");
    return stat ? stat->cpu_ticks : 1;
  };
  CHECK(cpu_ticks("3 40 500 6000") == 6543);
  CHECK(cpu_ticks("3 40 -500 6000") == 6043);  // cutime is signed in proc_pid_stat(5)
  CHECK(cpu_ticks("18446744073709551615 1 18446744073709551615 1") == 9007199254740991);
  CHECK(!parse_stat("5 (a) R" + tail + "9007199254740992 0 7 0\n"));         // not exact in JavaScript
  CHECK(!parse_stat("5 (a) R" + tail + "99999999999999999999999 0 7 0\n"));  // overflows
  CHECK(!parse_stat("5 (a) R" + tail + "-9 0 7 0\n"));
  CHECK(!parse_stat("5 (a) R" + tail + "9 0 -7 0\n"));
  CHECK(!parse_stat("99999999999 (a) R" + tail + "9 0 7 0\n"));
  CHECK(!parse_stat("0 (a) R" + tail + "9 0 7 0\n"));
  CHECK(!parse_stat("-5 (a) R" + tail + "9 0 7 0\n"));
  CHECK(!parse_stat("(a) R" + tail + "9 0 7 0\n"));
  CHECK(!parse_stat("5 a R" + tail + "9 0 7 0\n"));
  CHECK(!parse_stat("5 )a( R" + tail + "9 0 7 0\n"));
  CHECK(!parse_stat("5 (a) RR" + tail + "9 0 7 0\n"));
  CHECK(!parse_stat("5 (a) R 4294967296 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 9 0 7 0\n"));
  CHECK(!parse_stat("5 (a) R" + tail + "9x 0 7 0\n"));
  for (const char* negative :
       {"-1 1 1 34816 -1 0 0 0 0 0 0 0 0 0 20 0 1", "1 1 1 34816 -1 0 0 0 0 0 0 0 0 0 20 0 -1"})
    CHECK(!parse_stat("5 (a) R " + std::string(negative) + " 0 9 0 7 0\n"));
  CHECK(!parse_stat("5 (a R" + tail + "9 0 7 0\n"));
  CHECK(!parse_stat("5 (a)R " + tail + "9 0 7 0\n"));
  CHECK(!parse_stat("5 (a) R\n"));
  CHECK(!parse_stat("5 (a) \n"));
  CHECK(!parse_stat("\n"));
}

void uids() {
  for (const std::string& name : kHostileNames) {
    if (name.find('\n') != std::string::npos) continue;  // the kernel escapes these in status
    FakeProcess fake;
    fake.comm = name;
    const auto four = parse_status_uids(status_text(fake));
    CHECK(four && (*four)[0] == fixture_uid() && (*four)[3] == fixture_uid());
  }
  const std::string text = "Name:\tx\nUid:\t0\t1\t2\t4294967294\n";
  const auto four = parse_status_uids(text);
  CHECK(four && (*four)[0] == 0 && (*four)[1] == 1 && (*four)[2] == 2 && (*four)[3] == 4294967294U);
  for (std::size_t cut = 0; cut < text.size(); ++cut)
    CHECK(!parse_status_uids(std::string_view(text).substr(0, cut)));
  CHECK(!parse_status_uids(""));
  CHECK(!parse_status_uids("no uid1\t2\t3\t4\n"));
  CHECK(!parse_status_uids("Name:\tUid:\t0\t0\t0\t0\n"));
  CHECK(!parse_status_uids("Name:\tx\\nUid:\t0\t0\t0\t0\n"));
  CHECK(!parse_status_uids("Name:\tx\nUid:\t0\t0\t0\n"));
  CHECK(!parse_status_uids("Name:\tx\nUid:\t0\t0\t0\t0\t0\n"));
  CHECK(!parse_status_uids("Name:\tx\nUid:\t0\t0\t0\t4294967296\n"));
  CHECK(!parse_status_uids("Name:\tx\nUid:\t-1\t0\t0\t0\n"));
}

void hangups() {
  FakeProcess fake;
  for (const bool ignores : {false, true}) {
    fake.ignores_hangup = ignores;
    CHECK(parse_status_ignores_hangup(status_text(fake)) == ignores);
  }
  fake.comm = "\\nSigIgn:\\t0";  // as the kernel escapes it
  CHECK(parse_status_ignores_hangup(status_text(fake)) == true);
  CHECK(parse_status_ignores_hangup("Name:\tx\nSigIgn:\tfffffffffffffffe\n") == false);
  const std::string text = "Name:\tx\nSigIgn:\t0000000000000001\n";
  for (std::size_t cut = 0; cut < text.size(); ++cut)
    CHECK(!parse_status_ignores_hangup(std::string_view(text).substr(0, cut)));
  for (const char* bad : {"", " 1", "1 ", "-1", "g", "10000000000000000"})
    CHECK(!parse_status_ignores_hangup("Name:\tx\nSigIgn:\t" + std::string(bad) + "\n"));
}

void command_lines() {
  using Argv = std::vector<std::string>;
  const auto bytes = [](const char* text, std::size_t size) {
    return split_argv(std::string_view(text, size));
  };
  CHECK(bytes("", 0).empty());
  CHECK(bytes("a\0", 2) == Argv({"a"}));
  CHECK(bytes("a", 1) == Argv({"a"}));
  CHECK(bytes("a\0b", 3) == Argv({"a", "b"}));
  CHECK(bytes("a\0\0b\0", 5) == Argv({"a", "", "b"}));
  CHECK(bytes("\0", 1) == Argv({""}));
  CHECK(bytes("\xff\n\033\0", 4) == Argv({"\xff\n\033"}));
  CHECK(split_argv(std::string(200000, 'x')).front().size() == 200000);
}

void cgroups() {
  using Paths = std::vector<std::string>;
  const auto is = [](const char* text, const Paths& paths) { return parse_cgroups(text) == paths; };
  CHECK(is("", {}));
  CHECK(is("0::/user.slice/user-1001.slice/session-3.scope\n",
           {"/user.slice/user-1001.slice/session-3.scope"}));
  CHECK(is("0::/a:b::c\n", {"/a:b::c"}));
  CHECK(is("0::/\n", {"/"}));
  // v1: the systemd hierarchy first, doubles once
  CHECK(
      is("12:pids:/user.slice\n4:memory:/slurm/uid_7/job_1\n3:cpu,cpuacct:/user.slice\n"
         "1:name=systemd:/user.slice/user-7.slice/session-2.scope\n",
         {"/user.slice/user-7.slice/session-2.scope", "/user.slice", "/slurm/uid_7/job_1"}));
  // hybrid: an empty v2 tree says less than name=systemd
  CHECK(is("1:name=systemd:/user.slice/x.scope\n0::/\n", {"/user.slice/x.scope", "/"}));
  CHECK(is("1:name=systemd:/\n0::/user.slice\n", {"/user.slice", "/"}));
  CHECK(is("1:name=systemd:/s\n0::/u\n", {"/u", "/s"}));
  CHECK(is("9:net_cls,name=x:/y\n", {"/y"}));
  CHECK(!parse_cgroups("0::/cut"));
  CHECK(!parse_cgroups("0:/x\n"));
  CHECK(!parse_cgroups("x::/y\n"));
  CHECK(!parse_cgroups("0::relative\n"));
  CHECK(!parse_cgroups("\n"));
  const std::string text = "2:cpu:/a\n0::/b\n";
  for (std::size_t cut = 1; cut < text.size(); ++cut)
    if (text[cut - 1] != '\n') CHECK(!parse_cgroups(std::string_view(text).substr(0, cut)));
}

void numbers() {
  CHECK(parse_id("4294967295") == kUnsetId);
  CHECK(parse_id("17\n") == 17U);
  for (const char* bad : {"", "-1", "4294967296", "1 ", "0x1", "1\n\n"}) CHECK(!parse_id(bad));
}

void names() {
  CHECK(exe_basename("/usr/sbin/sshd") == "sshd");
  CHECK(exe_basename("/usr/sbin/sshd (deleted)") == "sshd");
  CHECK(exe_basename("/a (deleted)/b") == "b");
  CHECK(exe_basename("/x (deleted) (deleted)") == "x (deleted)");
  CHECK(exe_basename("bare") == "bare");
  CHECK(exe_basename(" (deleted)") == " (deleted)");
  CHECK(exe_basename("").empty());
  CHECK(exe_basename("/").empty());
}

}  // namespace

int main() {
  stat_lines();
  uids();
  hangups();
  command_lines();
  cgroups();
  numbers();
  names();
  return report("parse");
}
