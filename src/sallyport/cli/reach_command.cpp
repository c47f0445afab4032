// sallyport reach: asks the router and STUN servers whether hosts on the Internet can connect to this machine. Nothing is
// changed.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/at_exit.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/exit_code.hpp>
#include <sallyport/cli/mapping_values.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/reach_text.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/reach/default_route.hpp>
#include <sallyport/reach/router_query.hpp>
#include <sallyport/reach/upnp.hpp>

namespace sallyport::cli {
namespace {

using reach::default_route;
using reach::mapping_protocol;
using reach::reachability_facts;
using reach::router_answer;

struct reach_job {
    std::vector<std::string> stun;
    std::string interface;
    bool json = false;
};

/// What the coroutines share that ask at the same time.
struct inquiry {
    explicit inquiry(net::loop& l) : loop(l), done(l) {}
    void start(std::string name, net::task<> work) {
        ++running;
        loop.spawn(std::move(name), std::move(work));
    }
    void finish_one() {
        if (--running == 0) done.set();
    }

    net::loop& loop;
    // And one for the coroutine that starts them: some end at once.
    int running = 1;
    net::event done;
    router_answer pcp{.protocol = mapping_protocol::pcp};
    router_answer nat_pmp{.protocol = mapping_protocol::natpmp};
    router_answer upnp{.protocol = mapping_protocol::upnp};
    std::vector<reach::stun_attempt> stun;
};

/// Both have one port at the router, which may answer one question at a time.
net::task<> ask_for_pcp_and_nat_pmp(std::shared_ptr<inquiry> asked, default_route route) {
    const at_exit finish([&asked] { asked->finish_one(); });
    asked->pcp = co_await reach::ask_router_by_pcp(asked->loop, route.own, route.gateway);
    asked->nat_pmp = co_await reach::ask_router_by_nat_pmp(asked->loop, route.own, route.gateway);
}

net::task<> ask_for_upnp(std::shared_ptr<inquiry> asked, default_route route) {
    const at_exit finish([&asked] { asked->finish_one(); });
    auto& answer = asked->upnp;
    const auto service = co_await reach::find_upnp_service(asked->loop, route);
    answer.is_spoken = service.has_value();
    if (!service) {
        answer.problem = service.error().code == errc::timeout ? "no answer" : escape(service.error().text());
        co_return;
    }
    const auto external = co_await reach::upnp_external_address(asked->loop, *service);
    if (external) {
        answer.external = *external;
        co_return;
    }
    answer.lacks_address = external.error().code == errc::unexpected || external.error().code == errc::rejected;
    answer.problem = escape(external.error().text());
}

net::task<> ask_stun(std::shared_ptr<inquiry> asked, std::vector<reach::stun_server> servers) {
    const at_exit finish([&asked] { asked->finish_one(); });
    asked->stun =
        co_await reach::ask_stun_servers(asked->loop, std::move(servers), net::time_limit::within(limits::stun_timeout));
}

net::task<> gather(net::loop& loop, std::vector<reach::stun_server> servers, result<default_route> route,
                   reachability_facts& out) {
    const auto asked = std::make_shared<inquiry>(loop);
    if (route) {
        asked->start("asking the router by PCP and NAT-PMP", ask_for_pcp_and_nat_pmp(asked, *route));
        asked->start("searching for the router's UPnP service", ask_for_upnp(asked, *route));
    }
    if (!servers.empty()) asked->start("asking STUN servers", ask_stun(asked, std::move(servers)));
    asked->finish_one();
    // Each of them has its own time limit, which is shorter.
    co_await asked->done.wait(net::clock::now() + std::chrono::minutes(1));
    if (route) out.answers = {asked->pcp, asked->nat_pmp, asked->upnp};
    out.stun = asked->stun;
}

std::optional<ip_address> public_ipv6_address() {
    const auto own = reach::find_own_address(reach::address_family::ipv6);
    return own && reach::is_internet_address(*own) ? own : std::nullopt;
}

int run(const reach_job& job) {
    auto servers = parse_stun_servers(job.stun);
    if (!servers) {
        fmt::print(stderr, "sallyport reach: {}\n", line_of(servers.error()));
        return static_cast<int>(exit_status::usage);
    }
    const auto route = reach::find_default_route(job.interface);
    if (!route && !job.interface.empty())
        return report_error("reach",
                            error{errc::usage, 0,
                                  fmt::format("--map-interface {}: {}; 'ip -4 route show default' lists those with a router",
                                              job.interface, route.error().what)},
                            exit_status::usage);
    reachability_facts facts;
    facts.own_ipv6 = public_ipv6_address();
    // A route without a gateway, as that of PPP, has an address too.
    facts.own = route ? route->own : reach::find_own_address();
    if (route) {
        facts.router = route->gateway;
        facts.interface = route->interface;
    }
    if (facts.own) {
        net::loop_group loops(1);
        loops.run_until_done(gather(loops.at(0), std::move(*servers), route, facts));
    }
    const auto report = judge(facts);
    fmt::print("{}", job.json ? reach_json(facts, report) + "\n" : reach_text(facts, report));
    return reach_exit_code(report.kind);
}

}  // namespace

void add_reach_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<reach_job>();
    auto* const command = app.add_subcommand("reach", "Find out whether hosts on the Internet can connect to this machine");
    command_table table;
    table.add("Router and STUN servers", {{"--stun", "HOST[:PORT]", texts(job->stun),
                                           "Also ask this STUN server, which reports the external address and port"},
                                          map_interface_row(job->interface)});
    table.add("Output", {{"--json", "", flag(job->json), "Print the result as JSON"}});
    table.notes =
        "The command asks the router by PCP, NAT-PMP and UPnP; it creates no mapping.\n\n" + reach_exit_code_help();
    set_table(*command, std::move(table));
    command->callback([job, &exit_code] { exit_code = run(*job); });
}

}  // namespace sallyport::cli
