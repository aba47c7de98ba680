#include <string>
#include <vector>

#include "core/killable/environ.h"
#include "test/check.h"

namespace {

const std::string kEnd(1, '\0');

std::string met(const std::string& text,
                const std::vector<std::string>& names = {"SLURM_JOB_ID", "JOB_ID", "A"}) {
  std::string answer(names.size(), '?');
  reaper::match_environ(text, names, answer.data());
  return answer;
}

void finds_whole_names() {
  CHECK(met("SLURM_JOB_ID=7" + kEnd + "PATH=/bin" + kEnd) == "100");
  CHECK(met("PATH=/bin" + kEnd + "JOB_ID=" + kEnd + "A==" + kEnd) == "011");
  CHECK(met("") == "000");
  CHECK(met(kEnd + kEnd + "A=1" + kEnd) == "001");
  CHECK(met("A=no end") == "001");
  CHECK(met("A=1" + kEnd, {}).empty());
}

void takes_nothing_else() {
  CHECK(met("SLURM_JOB_ID" + kEnd) == "000");
  CHECK(met("XSLURM_JOB_ID=1" + kEnd + "SLURM_JOB_IDX=1" + kEnd + "SLURM_JOB_I=1" + kEnd) == "000");
  CHECK(met("X=SLURM_JOB_ID=1" + kEnd + "Y=\nJOB_ID=1" + kEnd) == "000");
  CHECK(met("slurm_job_id=1" + kEnd + "=JOB_ID=1" + kEnd) == "000");
  CHECK(met("SLURM_" + kEnd + "JOB_ID" + kEnd) == "000");
  CHECK(met(std::string(200, 'J') + "JOB_ID=1" + kEnd) == "000");
}

}  // namespace

int main() {
  finds_whole_names();
  takes_nothing_else();
  return report("environ_match");
}
