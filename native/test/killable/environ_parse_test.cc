#include "core/killable/environ_parse.h"

#include <string>
#include <vector>

#include "test/check.h"

using namespace reaper;

namespace {

EnvironQuery query_for(const std::vector<std::string>& names) {
  EnvironQuery query{};
  for (const std::string& name : names) CHECK(query.add(name));
  return query;
}

// The answer must not depend on where the reading was cut.
std::uint32_t met(const EnvironQuery& query, const std::string& text) {
  EnvironScan whole(query);
  whole.take(text);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EnvironScan scan(query);
    scan.take(std::string_view(text).substr(0, cut));
    scan.take(std::string_view(text).substr(cut));
    CHECK(scan.met() == whole.met());
  }
  return whole.met();
}

const std::string kEnd(1, '\0');

void finds_whole_names() {
  const EnvironQuery query = query_for({"SLURM_JOB_ID", "JOB_ID", "A"});
  CHECK(met(query, "SLURM_JOB_ID=7" + kEnd + "PATH=/bin" + kEnd) == 1);
  CHECK(met(query, "PATH=/bin" + kEnd + "JOB_ID=" + kEnd + "A==" + kEnd) == 6);
  CHECK(met(query, "") == 0);
  CHECK(met(query, kEnd + kEnd + "A=1" + kEnd) == 4);
  CHECK(met(query, "A=no end") == 4);
}

void takes_nothing_else() {
  const EnvironQuery query = query_for({"SLURM_JOB_ID", "JOB_ID"});
  CHECK(met(query, "SLURM_JOB_ID" + kEnd) == 0);
  CHECK(met(query, "XSLURM_JOB_ID=1" + kEnd + "SLURM_JOB_IDX=1" + kEnd + "SLURM_JOB_I=1" + kEnd) == 0);
  CHECK(met(query, "X=SLURM_JOB_ID=1" + kEnd + "Y=\nJOB_ID=1" + kEnd) == 0);
  CHECK(met(query, "slurm_job_id=1" + kEnd + "=JOB_ID=1" + kEnd) == 0);
  CHECK(met(query, "SLURM_" + kEnd + "JOB_ID" + kEnd) == 0);
  CHECK(met(query, std::string(200, 'J') + "JOB_ID=1" + kEnd) == 0);
}

void refuses_names_that_cannot_be() {
  EnvironQuery query{};
  CHECK(!query.add("") && !query.add("A=B") && !query.add(std::string("A\0B", 3)));
  CHECK(query.add(std::string(kEnvironNameBytes, 'n')) &&
        !query.add(std::string(kEnvironNameBytes + 1, 'n')));
  CHECK(met(query, std::string(kEnvironNameBytes, 'n') + "=" + kEnd) == 1);
  CHECK(met(query, std::string(kEnvironNameBytes + 1, 'n') + "=" + kEnd) == 0);
  for (std::size_t i = 1; i < kEnvironNames; ++i) CHECK(query.add("N" + std::to_string(i)));
  CHECK(!query.add("ONE_TOO_MANY"));
  CHECK(met(query, "N31=1" + kEnd) == std::uint32_t{1} << 31);
}

}  // namespace

int main() {
  finds_whole_names();
  takes_nothing_else();
  refuses_names_that_cannot_be();
  return report("environ_parse");
}
