#pragma once
// Has the router forward ports to this machine, and keeps it so: which protocol is asked, when, and what an answer means. A
// machine without sockets and clocks: answers, time and changes of the route go in, requests and log lines come out.
//
// Protocols are tried in their order. Before the first mapping, the router is asked a question that changes nothing (PCP:
// ANNOUNCE; NAT-PMP: its address), with 250, 500 and 1000 ms for an answer; a router that does not answer it rests for 30 s,
// then twice as long. Only one that does is asked for mappings, one at a time: there are routers that answer no host for a
// minute while they look for a port that their rules permit, and they get one question. The search for UPnP runs meanwhile
// and counts if the other protocols fail. What has answered is asked first from then on.
//
// Ports are asked for in their order. A mapping is renewed at half of its lifetime, with the same nonce; all of them are
// asked for again at once after a restart of the router (epoch, announcements) and after a sleep of this machine. After a
// change of the route, everything starts again.
//
// The driver (router_mapping) owns it; one thread. After each call, the driver takes the actions and asks for the next time.

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/token_bucket.hpp>
#include <sallyport/reach/default_route.hpp>
#include <sallyport/reach/epoch_check.hpp>
#include <sallyport/reach/mapping.hpp>
#include <sallyport/reach/mapping_report.hpp>
#include <sallyport/reach/nat_pmp.hpp>
#include <sallyport/reach/pcp.hpp>
#include <sallyport/reach/port_lease.hpp>

namespace sallyport::reach {

struct mapper_settings {
    // In the order in which they are tried, each at most once.
    std::vector<mapping_protocol> protocols{mapping_protocol::pcp, mapping_protocol::natpmp, mapping_protocol::upnp};
    std::chrono::seconds lease = limits::mapping_lease;
    pcp_nonce nonce{};
};

// What the driver has to do.

/// To port 5351 of the router.
struct send_to_router {
    datagram bytes;
};
/// Look for the router's UPnP service; the result goes to upnp_found().
struct search_upnp {};
/// The result goes to upnp_added().
struct add_upnp_mapping {
    std::uint16_t local_port = 0;
    std::uint16_t suggested_port = 0;
    std::chrono::seconds lease{};
    // It is live, at the suggested port.
    bool is_renewal = false;
};
/// The result goes to upnp_removed().
struct remove_upnp_mapping {
    std::uint16_t local_port = 0;
    std::uint16_t external_port = 0;
    // The router has granted it, so that it is this host's.
    bool is_granted = false;
};
using mapper_action = std::variant<send_to_router, search_upnp, add_upnp_mapping, remove_upnp_mapping, report_line>;

/// A mapping as UPnP has granted it.
struct upnp_grant {
    endpoint external;
    // Zero: the router has no limit.
    std::chrono::seconds lifetime{};
};

class port_mapper {
public:
    using time = std::chrono::steady_clock::time_point;

    /// `ports`: the local TCP ports, in the order of their importance, each once.
    port_mapper(mapper_settings settings, const std::vector<std::uint16_t>& ports);

    /// Nothing: there is none. `why_not` says why, for the log.
    void set_route(std::optional<default_route> route, time now, const std::string& why_not = {});
    /// A datagram from port 5351 of the router.
    void receive(datagram_view bytes, time now);
    /// A datagram from there to the multicast group 224.0.0.1.
    void announced(datagram_view bytes, time now);
    /// The router's UPnP has restarted.
    void upnp_restarted(time now) {
        // The other protocols have announcements of their own.
        if (!route_ || stage_ != stage::running || active_ != mapping_protocol::upnp) return;
        mappings_lost(now);
        work(now);
    }
    /// Port 5351 of the router is closed.
    void router_refused(time now);
    /// The external address according to the router's UPnP service, or why it cannot be used: after a search, or because the
    /// driver has asked for it again.
    void upnp_found(result<ip_address> external, time now);
    void upnp_added(std::uint16_t local_port, result<upnp_grant> granted, time now);
    void upnp_removed(std::uint16_t local_port, time now) {
        unmapped(local_port);
        tick(now);
    }
    /// This machine has slept, so the lifetimes are not what they seem.
    void clock_jumped(time now);
    /// Call it at next_timeout() at the latest.
    void tick(time now);
    /// Ends all mappings. No more requests follow; is_stopped() is true once the router has answered, or soon after.
    void stop(time now);
    /// Another process keeps the mappings: stops without ending them.
    void abandon() {
        stage_ = stage::stopped;
        actions_.clear();
    }

    [[nodiscard]] std::deque<mapper_action> take_actions() { return std::exchange(actions_, {}); }
    [[nodiscard]] time next_timeout() const;
    [[nodiscard]] bool is_stopped() const noexcept { return stage_ == stage::stopped; }
    [[nodiscard]] const std::optional<default_route>& route() const noexcept { return route_; }
    [[nodiscard]] std::vector<mapping> mappings() const;
    /// The router's address outside, while at least one mapping is live. It may not be public.
    [[nodiscard]] std::optional<ip_address> external_address() const;

private:
    enum class stage : std::uint8_t { running, stopping, stopped };
    enum class upnp_stage : std::uint8_t { unknown, searching, found };

    struct protocol_state {
        mapping_protocol which;
        time rests_until{};
        std::chrono::seconds rest{};
        // It has answered a question, and nothing has gone unanswered since.
        bool answers = false;
        // Why it rests; empty: it was not asked yet.
        std::string reason{};
    };
    struct question {
        mapping_protocol by;
        // Nothing: the question that changes nothing.
        std::optional<std::uint16_t> local_port{};
        int tries = 0;
        time until{};
    };

    void work(time now);
    [[nodiscard]] protocol_state* choose(time now);
    [[nodiscard]] protocol_state& state_of(mapping_protocol p);
    [[nodiscard]] port_lease* find(std::uint16_t local_port);
    [[nodiscard]] port_lease* first_due(time now);
    [[nodiscard]] bool has_live(std::optional<mapping_protocol> by) const;
    void fail_due(const std::string& reason, time now, std::chrono::seconds pause = {});
    void probe(protocol_state& with, int tries, time now);
    void ask(protocol_state& with, port_lease& port, time now);
    void search(time now);
    void unanswered(time now);
    void rest(protocol_state& which, std::string reason, time now, std::chrono::seconds at_least = {});
    void receive_pcp(const pcp_response& answer, time now);
    void receive_nat_pmp(const nat_pmp_response& answer, time now);
    void answered(protocol_state& by, std::uint32_t epoch, time now);
    void grant(port_lease& port, const endpoint& external, std::chrono::seconds lifetime, mapping_protocol by, time now);
    template <class result_code>
    void refuse(protocol_state& by, port_lease& port, result_code code, std::chrono::seconds pause, time now);
    void mappings_lost(time now, bool certain = false);
    void send_unmappings();
    void unmapped(std::uint16_t local_port);
    void report(time now);

    const mapper_settings settings_;
    std::vector<protocol_state> protocols_;
    std::vector<port_lease> ports_;
    std::optional<default_route> route_;
    std::optional<mapping_protocol> active_;
    std::optional<question> question_;
    // Questions about one port that were not answered, although the router is there.
    int lost_ = 0;
    upnp_stage upnp_ = upnp_stage::unknown;
    std::optional<ip_address> external_;
    epoch_check epoch_;
    token_bucket restarts_;
    stage stage_ = stage::running;
    // While stopping: the ports whose mappings have not ended yet, and when to send again and when to stop.
    std::vector<std::uint16_t> to_unmap_;
    time resend_at_{};
    time stop_at_{};
    std::deque<mapper_action> actions_;
    std::vector<std::string> reported_;
};

}  // namespace sallyport::reach
