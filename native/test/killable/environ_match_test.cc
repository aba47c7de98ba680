#include <string>
#include <vector>

#include "core/killable/environ.h"
#include "test/check.h"

using reaper::match_environ;

namespace {

const std::string kEnd(1, '\0');

void finds_whole_names() {
  const std::vector<std::string> names = {"SLURM_JOB_ID", "JOB_ID", "A"};
  CHECK(match_environ("SLURM_JOB_ID=7" + kEnd + "PATH=/bin" + kEnd, names) == 1);
  CHECK(match_environ("PATH=/bin" + kEnd + "JOB_ID=" + kEnd + "A==" + kEnd, names) == 6);
  CHECK(match_environ("", names) == 0);
  CHECK(match_environ(kEnd + kEnd + "A=1" + kEnd, names) == 4);
  CHECK(match_environ("A=no end", names) == 4);
  std::vector<std::string> many;
  for (std::size_t i = 0; i < reaper::kEnvironNames; ++i) many.push_back("N" + std::to_string(i));
  CHECK(match_environ("N31=1" + kEnd, many) == std::uint32_t{1} << 31);
}

void takes_nothing_else() {
  const auto met = [](const std::string& text) { return match_environ(text, {"SLURM_JOB_ID", "JOB_ID"}); };
  CHECK(met("SLURM_JOB_ID" + kEnd) == 0);
  CHECK(met("XSLURM_JOB_ID=1" + kEnd + "SLURM_JOB_IDX=1" + kEnd + "SLURM_JOB_I=1" + kEnd) == 0);
  CHECK(met("X=SLURM_JOB_ID=1" + kEnd + "Y=\nJOB_ID=1" + kEnd) == 0);
  CHECK(met("slurm_job_id=1" + kEnd + "=JOB_ID=1" + kEnd) == 0);
  CHECK(met("SLURM_" + kEnd + "JOB_ID" + kEnd) == 0);
  CHECK(met(std::string(200, 'J') + "JOB_ID=1" + kEnd) == 0);
}

}  // namespace

int main() {
  finds_whole_names();
  takes_nothing_else();
  return report("environ_match");
}
