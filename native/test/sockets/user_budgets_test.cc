// What one user's processes, sockets and connections cost is charged to that user.
#include <linux/netlink.h>
#include <linux/unix_diag.h>

#include <memory>

#include "core/sockets/socket_holders.h"
#include "test/sockets/real.h"

namespace {

// Guard: who exceeds a budget is unreadable alone, with all uids that are the user's own.
void descriptors_are_charged_to_the_user() {
  if (needs_root("descriptors of two users")) return;
  Served tcp;
  const Child greedy([&] {
    for (int fd = 100; fd < 400; ++fd) dup2(tcp.accepted.get(), fd);
    become(g_user);
  });
  const Child subordinate([&] { become(200001); });
  const Child modest([&] { become(g_user + 1); });
  reaper::ConnectionOptions options;
  options.pids = {greedy.pid(), subordinate.pid(), modest.pid()};
  options.user_descriptors = 200;
  options.owners = reaper::Owners{{{200000, 65536, g_user}}};
  const Connections found = reaper::find_connections(options);
  CHECK((found.unreadable == std::set<pid_t>{greedy.pid(), subordinate.pid()}) && found.complete);
  CHECK(found.faults.size() == 1 && found.faults[0].uid == g_user && found.faults[0].pid == 0);
  Connections none;
  CHECK(
      reaper::HolderTable(options, reaper::ProcDir::open("/proc").take(), none).held[reaper::kSocket].size() <
      20);  // three hundred descriptors of one socket are one entry
}

// Guard: the kernel searches all unix sockets of the host for each question.
void questions_are_charged_to_the_user() {
  const auto list_nothing = [](const std::string& request, const reaper::OnBuffer& on_buffer) {
    unix_diag_req body;
    std::memcpy(&body, &request[sizeof(nlmsghdr)], sizeof body);
    if (body.sdiag_family == AF_UNIX && body.udiag_ino != 0) return reaper::ask_kernel(request, on_buffer);
    const nlmsghdr done[2] = {{20, NLMSG_DONE, 0, reaper::kSequence, 0}, {}};
    on_buffer({reinterpret_cast<const char*>(done), 20});
    return std::optional<reaper::Failure>();
  };
  const auto are_all_found = [&](std::size_t sockets) {
    std::vector<Pair> pairs;
    while (2 * pairs.size() < sockets) pairs.push_back(socket_pair(SOCK_STREAM));
    const Child holder([] {});
    reaper::ConnectionOptions options;
    options.pids = {holder.pid()};
    return reaper::find_connections(options, list_nothing).unlisted.empty();
  };
  CHECK(are_all_found(24) && !are_all_found(26));
}

// Guard: many processes that share many connections must not take the memory.
void pids_are_charged_to_the_user() {
  if (needs_root("a user of its own")) return;
  const auto listener = listener_at(loopback4(0));
  listen(listener.get(), 1000);
  std::vector<UniqueFd> clients;
  std::vector<std::unique_ptr<Child>> holders;
  reaper::ConnectionOptions options;
  options.user_pids = 20 * 30;
  for (int i = 0; i < 20; ++i) {
    holders.push_back(std::make_unique<Child>([&] {
      close_sockets_but({listener.get()});
      become(g_user);
    }));
    options.pids.push_back(holders.back()->pid());
  }
  while (clients.size() < 30) clients.push_back(client_of(port_of(listener.get())));
  CHECK(reaper::find_connections(options).unreadable.empty());
  clients.push_back(client_of(port_of(listener.get())));
  const Connections found = reaper::find_connections(options);
  CHECK(found.unreadable.size() == 20 && found.complete && found.faults.size() == 1 &&
        found.faults[0].uid == g_user);
  CHECK(std::count_if(found.connections.begin(), found.connections.end(),
                      [](const Connection& each) { return each.kind == reaper::Kind::kTcp; }) == 30);
}

}  // namespace

int main() {
  return run("user_budgets", {descriptors_are_charged_to_the_user, questions_are_charged_to_the_user,
                              pids_are_charged_to_the_user});
}
