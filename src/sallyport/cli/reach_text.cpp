#include <sallyport/cli/reach_text.hpp>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/json_text.hpp>

namespace sallyport::cli {
namespace {

using reach::port_choice;
using reach::reachability;
using reach::reachability_facts;
using reach::reachability_report;

std::string line(std::string_view label, std::string_view text) {
    return fmt::format("{:<14}{}\n", fmt::format("{}:", label), text);
}

std::string machine_text(const reachability_facts& facts) {
    if (!facts.own) return "no default route for IPv4";
    std::string out = facts.own->text();
    if (facts.router) out += fmt::format(", router {}", facts.router->text());
    if (!facts.interface.empty()) out += fmt::format(" on {}", escape(facts.interface));
    return out;
}

std::string protocol_text(const reach::router_answer& answer) {
    std::string out = answer.is_spoken ? "available" : "not available";
    if (answer.external) out += fmt::format(", external address {}", answer.external->text());
    if (!answer.problem.empty()) out += fmt::format("; {}", answer.problem);
    return out;
}

std::string stun_text(const reach::stun_attempt& attempt) {
    const auto server = fmt::format("{} over {}", escape(attempt.server.text()), attempt.over_tcp ? "TCP" : "UDP");
    if (!attempt.seen) return fmt::format("{}: {}", server, escape(attempt.seen.error().text()));
    return fmt::format("{} sees {} for local port {}", server, attempt.seen->external.text(), attempt.seen->local.port);
}

std::string_view ports_text(port_choice ports) {
    switch (ports) {
        case port_choice::unknown: return "not known; --stun names servers that see them";
        case port_choice::kept: return "kept: the external port is the local one";
        case port_choice::changed: return "changed: the external port is another one";
        case port_choice::changed_for_each_server: return "changed: another external port for each destination";
    }
    return {};
}

std::string json_address(const std::optional<ip_address>& address) {
    return address ? json_string(address->text()) : "null";
}

std::string json_or_null(const std::string& text) { return text.empty() ? "null" : json_string(text); }

std::string protocol_json(const reach::router_answer& answer) {
    return fmt::format(R"({{"protocol":{},"available":{},"external_address":{},"problem":{}}})",
                       json_string(name(answer.protocol)), answer.is_spoken, json_address(answer.external),
                       json_or_null(answer.problem));
}

std::string stun_json(const reach::stun_attempt& attempt) {
    const auto& seen = attempt.seen;
    return fmt::format(R"({{"server":{},"transport":"{}","local":{},"external":{},"error":{}}})",
                       json_string(attempt.server.text()), attempt.over_tcp ? "tcp" : "udp",
                       seen ? json_string(seen->local.text()) : "null", seen ? json_string(seen->external.text()) : "null",
                       seen ? "null" : json_string(seen.error().text()));
}

template <class Items, class Format>
std::string json_list(const Items& items, Format format) {
    std::string out;
    for (const auto& each : items) out += (out.empty() ? "" : ",") + format(each);
    return "[" + out + "]";
}

}  // namespace

std::string reach_text(const reachability_facts& facts, const reachability_report& report) {
    auto out = line("This machine", machine_text(facts));
    if (facts.own_ipv6) out += line("IPv6", facts.own_ipv6->text());
    for (const auto& answer : facts.answers) out += line(display_name(answer.protocol), protocol_text(answer));
    for (const auto& attempt : facts.stun) out += line("STUN", stun_text(attempt));
    if (!facts.stun.empty() && report.kind != reachability::direct) out += line("Ports", ports_text(report.ports));
    return fmt::format("{}\n{}\n{}\n", out, report.finding, report.next_step);
}

std::string reach_json(const reachability_facts& facts, const reachability_report& report) {
    return fmt::format(
        R"({{"result":{},"exit_code":{},"external_address":{},"ports":{},"own_address":{},"router":{},"interface":{},)"
        R"("ipv6_address":{},"protocols":{},"stun":{},"finding":{},"next_step":{}}})",
        json_string(name(report.kind)), reach_exit_code(report.kind), json_address(report.external),
        json_string(name(report.ports)), json_address(facts.own), json_address(facts.router), json_or_null(facts.interface),
        json_address(facts.own_ipv6), json_list(facts.answers, protocol_json), json_list(facts.stun, stun_json),
        json_string(report.finding), json_string(report.next_step));
}

int reach_exit_code(reachability kind) noexcept {
    switch (kind) {
        case reachability::direct:
        case reachability::mapped: return 0;
        case reachability::forwarding_needed: return 3;
        case reachability::nested_nat: return 4;
        case reachability::contradictory: return 5;
        case reachability::offline: return 6;
    }
    return 1;
}

std::string reach_exit_code_help() {
    return "Exit codes:\n"
           "   0  a public address, or a router that maps ports\n"
           "   1  internal error\n"
           "   2  invalid arguments\n"
           "   3  the router does not map ports; it has to be configured\n"
           "   4  more than one NAT\n"
           "   5  contradictory answers\n"
           "   6  no default route\n";
}

}  // namespace sallyport::cli
