#include <sallyport/reach/port_mapper.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/reach/mapping_refusal.hpp>

namespace sallyport::reach {
namespace {

constexpr std::size_t max_shown_reason = 200;
// Two connections of 20 to 40 ms each; a router may serve one at a time.
constexpr auto upnp_removal_time = std::chrono::milliseconds(100);
constexpr auto no_address = "the router has no external address";

}  // namespace

port_mapper::port_mapper(mapper_settings settings, const std::vector<std::uint16_t>& ports)
    : settings_(std::move(settings)),
      ports_(ports.begin(), ports.end()),
      restarts_(1.0 / static_cast<double>(std::chrono::seconds(limits::min_router_rest).count()), limits::router_restarts) {
    for (const auto each : settings_.protocols) protocols_.push_back({.which = each});
}

// --- what comes in -----------------------------------------------------------------------------------------------------

void port_mapper::set_route(std::optional<default_route> route, time now, const std::string& why_not) {
    if (stage_ != stage::running) return;
    if (!route && reported_ != std::vector{why_not} && !why_not.empty()) {
        reported_ = {why_not};
        actions_.emplace_back(report_line{true, why_not});
    }
    if (route == route_) return;
    // What was to be sent to the old router must not go to the new one.
    std::erase_if(actions_, [](const mapper_action& each) { return !std::holds_alternative<report_line>(each); });
    route_ = std::move(route);
    if (route_) reported_.clear();
    for (auto& port : ports_) port.forget(now);
    for (auto& each : protocols_) each = {.which = each.which};
    active_.reset();
    question_.reset();
    // The result of a search that runs is that of the old router.
    upnp_ = upnp_stage::unknown;
    external_.reset();
    epoch_.forget();
    work(now);
}

void port_mapper::receive(datagram_view bytes, time now) {
    if (!route_ || stage_ == stage::stopped) return;
    const auto pcp = parse_pcp(bytes);
    const auto nat_pmp = parse_nat_pmp(bytes);
    const bool asked_pcp = question_ && question_->by == mapping_protocol::pcp;
    const bool asked_nat_pmp = question_ && question_->by == mapping_protocol::natpmp;
    if (stage_ == stage::stopping) {
        // A late answer to the question before the end, or a refusal, has deleted nothing.
        if (pcp && pcp->map && pcp->map->nonce == settings_.nonce && pcp->code == pcp_result::success &&
            pcp->lifetime.count() == 0)
            unmapped(pcp->map->local_port);
        if (nat_pmp && nat_pmp->map && nat_pmp->code == nat_pmp_result::success && nat_pmp->map->lifetime.count() == 0)
            unmapped(nat_pmp->map->local_port);
        return;
    }
    if (asked_pcp && pcp) {
        receive_pcp(*pcp, now);
    } else if (asked_nat_pmp && nat_pmp) {
        receive_nat_pmp(*nat_pmp, now);
    } else if ((asked_pcp && pcp.error().code == errc::unsupported) ||
               // A late answer of PCP says nothing about NAT-PMP.
               (asked_nat_pmp && !pcp && nat_pmp.error().code == errc::unsupported)) {
        auto& refused = state_of(question_->by);
        question_.reset();
        rest(refused, "not supported", now, limits::max_router_rest);
    }
    work(now);
}

void port_mapper::announced(datagram_view bytes, time now) {
    if (!route_ || stage_ != stage::running) return;
    const auto pcp = parse_pcp(bytes);
    const auto nat_pmp = parse_nat_pmp(bytes);
    const bool is_pcp = pcp && !pcp->map;
    if (!is_pcp && !(nat_pmp && nat_pmp->address)) return;
    // It only has us ask: who sent it is not known.
    const bool same_address = is_pcp || nat_pmp->address == external_;
    const auto epoch = is_pcp ? pcp->epoch : nat_pmp->epoch;
    const bool has_epoch = active_ && *active_ != mapping_protocol::upnp;
    if (has_epoch && same_address && epoch_.is_consistent(epoch, now)) return;
    mappings_lost(now);
    work(now);
}

void port_mapper::router_refused(time now) {
    if (!question_ || stage_ != stage::running || question_->by == mapping_protocol::upnp) return;
    // The next question would be refused as well.
    question_->tries = limits::router_tries;
    question_->local_port.reset();
    unanswered(now);
    work(now);
}

void port_mapper::upnp_found(result<ip_address> external, time now) {
    const bool was_asked = upnp_ == upnp_stage::searching || (upnp_ == upnp_stage::found && external);
    if (!was_asked || stage_ != stage::running) return;
    auto& upnp = state_of(mapping_protocol::upnp);
    if (!external) {
        upnp_ = upnp_stage::unknown;
        rest(upnp, escape(external.error().text(), max_shown_reason), now);
    } else {
        upnp_ = upnp_stage::found;
        upnp.answers = true;
        const bool is_another = has_live(mapping_protocol::upnp) && external_ != *external;
        if (is_another)
            for (auto& port : ports_) port.expire_soon(now);
        if (is_another || !has_live({})) external_ = *external;
    }
    work(now);
}

void port_mapper::upnp_added(std::uint16_t local_port, result<upnp_grant> granted, time now) {
    auto* const port = find(local_port);
    if (stage_ != stage::running) {
        // It was on its way when the end came.
        if (granted && stage_ == stage::stopping)
            actions_.emplace_back(remove_upnp_mapping{local_port, granted->external.port});
        return;
    }
    if (port == nullptr || !question_ || question_->by != mapping_protocol::upnp || question_->local_port != local_port)
        return;
    question_.reset();
    if (granted) {
        external_ = granted->external.address;
        const auto lifetime =
            granted->lifetime.count() == 0 ? std::chrono::seconds(limits::max_mapping_lifetime) : granted->lifetime;
        grant(*port, granted->external, lifetime, mapping_protocol::upnp, now);
    } else if (granted.error().code == errc::rejected) {
        port->refused();
        port->failed(escape(granted.error().what, max_shown_reason), now);
    } else {
        // It may have another address after a restart.
        upnp_ = upnp_stage::unknown;
        fail_due(no_answer, now);
        rest(state_of(mapping_protocol::upnp), escape(granted.error().text(), max_shown_reason), now);
    }
    work(now);
}

void port_mapper::clock_jumped(time now) {
    if (stage_ != stage::running) return;
    mappings_lost(now, true);
    work(now);
}

void port_mapper::tick(time now) {
    if (stage_ == stage::stopping) {
        if (now >= stop_at_) {
            stage_ = stage::stopped;
            if (route_ && !to_unmap_.empty())
                actions_.emplace_back(report_line{
                    true, fmt::format("Router {} has not confirmed that it ends {} of the port mappings; delete them there",
                                      route_->gateway.text(), to_unmap_.size())});
        } else if (now >= resend_at_) {
            resend_at_ = stop_at_;
            send_unmappings();
        }
        return;
    }
    if (question_ && now >= question_->until) {
        if (question_->by == mapping_protocol::upnp) {
            upnp_added(*question_->local_port, fail(errc::timeout, no_answer), now);
            return;
        }
        unanswered(now);
    }
    work(now);
}

// --- the order of questions --------------------------------------------------------------------------------------------

void port_mapper::work(time now) {
    if (stage_ != stage::running || !route_) return;
    for (auto& port : ports_) (void)port.expire(now);
    while (!question_) {
        auto* const with = choose(now);
        auto* const port = first_due(now);
        if (with == nullptr || port == nullptr) {
            report(now);
            // The next questions of NAT-PMP begin with that for the address, which no answer about a mapping has.
            for (auto& each : protocols_)
                if (each.which == mapping_protocol::natpmp) each.answers = false;
            return;
        }
        if (with->which == mapping_protocol::upnp && upnp_ != upnp_stage::found) {
            search(now);
            return;
        }
        if (with->answers)
            ask(*with, *port, now);
        else
            probe(*with, 1, now);
    }
}

port_mapper::protocol_state* port_mapper::choose(time now) {
    if (active_) {
        auto& active = state_of(*active_);
        if (active.rests_until <= now) return &active;
        // Another protocol could give another port for what clients were given.
        if (has_live(active_)) return nullptr;
    }
    const auto found = std::ranges::find_if(protocols_, [now](const protocol_state& p) { return p.rests_until <= now; });
    return found == protocols_.end() ? nullptr : &*found;
}

port_mapper::protocol_state& port_mapper::state_of(mapping_protocol p) {
    return *std::ranges::find(protocols_, p, &protocol_state::which);
}

port_lease* port_mapper::find(std::uint16_t local_port) {
    const auto found = std::ranges::find(ports_, local_port, &port_lease::local_port);
    return found == ports_.end() ? nullptr : &*found;
}

port_lease* port_mapper::first_due(time now) {
    const auto found = std::ranges::find_if(ports_, [now](const port_lease& p) { return p.due() <= now; });
    return found == ports_.end() ? nullptr : &*found;
}

void port_mapper::fail_due(const std::string& reason, time now, std::chrono::seconds pause) {
    for (auto& port : ports_)
        if (port.due() <= now) port.failed(reason, now, pause);
}

bool port_mapper::has_live(std::optional<mapping_protocol> by) const {
    return std::ranges::any_of(ports_, [&](const port_lease& p) { return p.is_live() && (!by || p.state().by == *by); });
}

void port_mapper::probe(protocol_state& with, int tries, time now) {
    question_ = question{.by = with.which, .tries = tries, .until = now + limits::first_router_wait * (1 << (tries - 1))};
    actions_.emplace_back(send_to_router{with.which == mapping_protocol::pcp ? encode_pcp_announce(route_->own)
                                                                             : encode_nat_pmp_address_request()});
}

void port_mapper::ask(protocol_state& with, port_lease& port, time now) {
    port.asked(with.which);
    question_ = question{.by = with.which, .local_port = port.local_port(), .until = now + limits::mapping_wait};
    const auto suggested = port.suggested_port();
    switch (with.which) {
        case mapping_protocol::pcp:
            actions_.emplace_back(send_to_router{encode(pcp_map_request{
                .client = route_->own,
                .local_port = port.local_port(),
                .suggested = {external_.value_or(route_->own.is_v4() ? ip_address() : route_->own), suggested},
                .lifetime = settings_.lease,
                .nonce = settings_.nonce})});
            break;
        case mapping_protocol::natpmp:
            actions_.emplace_back(send_to_router{encode(nat_pmp_map_request{
                .local_port = port.local_port(), .suggested_port = suggested, .lifetime = settings_.lease})});
            break;
        case mapping_protocol::upnp:
            question_->until = now + limits::max_upnp_request;
            actions_.emplace_back(add_upnp_mapping{port.local_port(), suggested, settings_.lease, port.is_live()});
            break;
    }
}

void port_mapper::search(time now) {
    if (upnp_ != upnp_stage::unknown) return;
    const auto upnp = std::ranges::find(protocols_, mapping_protocol::upnp, &protocol_state::which);
    if (upnp == protocols_.end() || upnp->rests_until > now) return;
    upnp_ = upnp_stage::searching;
    actions_.emplace_back(search_upnp{});
}

/// The time for an answer is over.
void port_mapper::unanswered(time now) {
    auto& by = state_of(question_->by);
    if (question_->local_port) {
        // Is the router there at all? If it is, the datagram was lost.
        by.answers = false;
        auto* const port = find(*question_->local_port);
        question_.reset();
        if (++lost_ % limits::router_tries == 0 && port != nullptr) port->failed(no_answer, now);
        return;
    }
    if (question_->tries < limits::router_tries) {
        // The search takes its time, so it starts before it is known to be needed.
        search(now);
        probe(by, question_->tries + 1, now);
        return;
    }
    question_.reset();
    if (!has_live(by.which)) {
        rest(by, no_answer, now);
        return;
    }
    // While mappings are live, their renewals give the time of the next question.
    by.answers = false;
    fail_due(no_answer, now);
}

void port_mapper::rest(protocol_state& which, std::string reason, time now, std::chrono::seconds at_least) {
    which.answers = false;
    which.reason = std::move(reason);
    which.rest = std::max(next_rest(which.rest), at_least);
    which.rests_until = now + which.rest;
    // The next one may count differently.
    epoch_.forget();
}

// --- answers -----------------------------------------------------------------------------------------------------------

void port_mapper::answered(protocol_state& by, std::uint32_t epoch, time now) {
    by.answers = true;
    by.rest = {};
    if (!epoch_.note(epoch, now)) mappings_lost(now);
}

template <class result_code>
void port_mapper::refuse(protocol_state& by, port_lease& port, result_code code, std::chrono::seconds pause, time now) {
    const auto reason = refusal_text(code);
    if (makes_unusable(code) && !has_live(by.which)) {
        rest(by, reason, now, limits::max_router_rest);
        return;
    }
    port.refused();
    port.failed(reason, now, pause);
    if (concerns_all_ports(code)) fail_due(reason, now, pause);
}

void port_mapper::receive_pcp(const pcp_response& answer, time now) {
    auto& pcp = state_of(mapping_protocol::pcp);
    if (!question_->local_port) {
        // Any answer shows that PCP is spoken, also that it has no ANNOUNCE.
        if (answer.map) return;
        question_.reset();
        answered(pcp, answer.epoch, now);
        return;
    }
    if (!answer.map || answer.map->nonce != settings_.nonce || answer.map->local_port != *question_->local_port) return;
    auto* const port = find(*question_->local_port);
    question_.reset();
    answered(pcp, answer.epoch, now);
    if (answer.code == pcp_result::success) {
        pcp.reason.clear();
        if (!answer.map->external.address.is_unspecified()) external_ = answer.map->external.address;
        grant(*port, answer.map->external, answer.lifetime, mapping_protocol::pcp, now);
    } else {
        refuse(pcp, *port, answer.code, answer.lifetime, now);
    }
}

void port_mapper::receive_nat_pmp(const nat_pmp_response& answer, time now) {
    auto& nat_pmp = state_of(mapping_protocol::natpmp);
    // An error may have nothing else that shows to which question it belongs.
    if (answer.operation != (question_->local_port ? nat_pmp_operation::map_tcp : nat_pmp_operation::address)) return;
    if (!question_->local_port) {
        question_.reset();
        answered(nat_pmp, answer.epoch, now);
        const auto before = external_;
        if (answer.address && !answer.address->is_unspecified())
            external_ = *answer.address;
        else
            rest(nat_pmp, answer.address ? no_address : refusal_text(answer.code), now);
        if (external_ != before)
            for (auto& port : ports_) port.expire_soon(now);
        return;
    }
    if (answer.map && answer.map->local_port != *question_->local_port) return;
    auto* const port = find(*question_->local_port);
    question_.reset();
    answered(nat_pmp, answer.epoch, now);
    if (answer.code == nat_pmp_result::success) {
        nat_pmp.reason.clear();
        grant(*port, {external_.value_or(ip_address()), answer.map->external_port}, answer.map->lifetime,
              mapping_protocol::natpmp, now);
    } else {
        refuse(nat_pmp, *port, answer.code, {}, now);
    }
}

void port_mapper::grant(port_lease& port, const endpoint& external, std::chrono::seconds lifetime, mapping_protocol by,
                        time now) {
    if (external.port == 0 || lifetime < limits::min_mapping_lifetime || external.address.is_v4() != route_->own.is_v4() ||
        external.address.is_unspecified()) {
        // The router may have made one all the same, so it is deleted at the end.
        port.failed(fmt::format("the router's answer is unusable: {} for {} s", external.text(), lifetime.count()), now);
        return;
    }
    lost_ = 0;
    active_ = by;
    port.granted(external, lifetime, by, now);
}

/// Asks for all of them again. Unless it is certain, it may be a forged sign of a restart, so the number of times is
/// limited.
void port_mapper::mappings_lost(time now, bool certain) {
    if (!certain && !restarts_.take_one(now)) return;
    epoch_.forget();
    for (auto& port : ports_) port.expire_soon(now);
    for (auto& each : protocols_) each = {.which = each.which};
    // For NAT-PMP the address must be asked for again, and the search of UPnP may find another one.
    if (upnp_ == upnp_stage::found) upnp_ = upnp_stage::unknown;
    if (question_ && question_->by != mapping_protocol::upnp) question_.reset();
}

// --- the end -----------------------------------------------------------------------------------------------------------

void port_mapper::stop(time now) {
    if (stage_ != stage::running) return;
    stage_ = stage::stopping;
    question_.reset();
    stop_at_ = now + limits::unmapping_timeout;
    resend_at_ = now + limits::unmapping_timeout / 2;
    for (const auto& port : ports_) {
        if (!route_ || !port.asked_by()) continue;
        to_unmap_.push_back(port.local_port());
        if (port.asked_by() != mapping_protocol::upnp) continue;
        stop_at_ = std::max(stop_at_, now + 3 * limits::unmapping_timeout) + upnp_removal_time;
        const auto& external = port.state().external;
        actions_.emplace_back(
            remove_upnp_mapping{port.local_port(), external ? external->port : port.suggested_port(), external.has_value()});
    }
    send_unmappings();
    if (to_unmap_.empty()) stage_ = stage::stopped;
}

void port_mapper::send_unmappings() {
    for (const auto local : to_unmap_) {
        const auto by = find(local)->asked_by();
        if (by == mapping_protocol::pcp)
            actions_.emplace_back(send_to_router{encode(
                pcp_map_request{.client = route_->own, .local_port = local, .suggested = {}, .nonce = settings_.nonce})});
        else if (by == mapping_protocol::natpmp)
            actions_.emplace_back(send_to_router{encode(nat_pmp_map_request{.local_port = local})});
    }
}

void port_mapper::unmapped(std::uint16_t local_port) {
    std::erase(to_unmap_, local_port);
    if (stage_ == stage::stopping && to_unmap_.empty()) stage_ = stage::stopped;
}

// --- what others see ---------------------------------------------------------------------------------------------------

port_mapper::time port_mapper::next_timeout() const {
    if (stage_ == stage::stopping) return std::min(resend_at_, stop_at_);
    if (stage_ == stage::stopped || !route_) return time::max();
    auto out = time::max();
    for (const auto& port : ports_)
        if (port.is_live()) out = std::min(out, port.state().expires);
    if (question_) return std::min(out, question_->until);
    // See choose().
    const bool only_active = active_ && has_live(active_);
    auto usable = time::max();
    for (const auto& each : protocols_) {
        if (only_active && each.which != *active_) continue;
        if (each.which == mapping_protocol::upnp && upnp_ == upnp_stage::searching) continue;
        usable = std::min(usable, each.rests_until);
    }
    auto due = time::max();
    for (const auto& port : ports_) due = std::min(due, port.due());
    return std::min(out, std::max(due, usable));
}

std::vector<mapping> port_mapper::mappings() const {
    std::vector<mapping> out;
    for (const auto& port : ports_) out.push_back(port.state());
    // Without a route no request was made that could have failed; the reason is the only report.
    if (!route_ && !reported_.empty())
        for (auto& each : out) each.error = reported_.front();
    return out;
}

std::optional<ip_address> port_mapper::external_address() const {
    return has_live({}) && stage_ == stage::running ? external_ : std::nullopt;
}

/// Logs what has changed since the last time that nothing was left to ask.
void port_mapper::report(time now) {
    mapping_facts facts{.router = route_->gateway, .own = route_->own, .mappings = mappings(), .unusable = {}};
    for (const auto& each : protocols_)
        if (each.rests_until > now) facts.unusable.push_back(fmt::format("{}: {}", display_name(each.which), each.reason));
    std::vector<std::string> lines;
    for (const auto& line : mapping_lines(facts)) {
        if (std::ranges::find(reported_, line.text) == reported_.end()) actions_.emplace_back(line);
        lines.push_back(line.text);
    }
    reported_ = std::move(lines);
}

}  // namespace sallyport::reach
