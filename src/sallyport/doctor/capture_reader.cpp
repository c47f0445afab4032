#include <sallyport/doctor/capture_reader.hpp>

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace sallyport::doctor {

namespace {

constexpr std::uint16_t control_port = 21;
constexpr std::uint16_t implicit_tls_port = 990;
/// Sessions of a busy server for some hours. Each has a few kilobytes.
constexpr std::size_t max_sessions = 2'000;
constexpr std::size_t max_connections = 50'000;
/// Connections whose first bytes have not arrived yet.
constexpr std::size_t max_young = 4'096;
/// Between the two sides of a router, a packet takes far less.
constexpr std::int64_t max_translation_us = 2'000'000;

[[nodiscard]] bool is_usual_port(std::uint16_t port) { return port == control_port || port == implicit_tls_port; }

/// "220" is also the greeting of mail servers; the first command tells them apart.
[[nodiscard]] bool is_greeting(std::string_view payload) {
    return payload.starts_with("220 ") || payload.starts_with("220-") || payload.starts_with("120 ") ||
           payload.starts_with("421 ");
}

}  // namespace

capture_reader::ends capture_reader::key_of(const packet& p) { return std::minmax(p.from, p.to); }

bool capture_reader::is_duplicate(const packet& p, std::int64_t us) {
    // TCP repeats a segment after 200 ms at the earliest, or after the peer has asked for it several times.
    constexpr std::int64_t max_us = 3'000;
    constexpr std::size_t max_recent = 16;
    const auto same = [&](const recent_packet& r) {
        const auto& o = r.content;
        return us - r.us < max_us && o.from == p.from && o.to == p.to && o.sequence == p.sequence &&
               o.acknowledgment == p.acknowledgment && o.size == p.size && o.syn == p.syn && o.ack == p.ack &&
               o.fin == p.fin && o.rst == p.rst && o.icmp.has_value() == p.icmp.has_value();
    };
    if (std::ranges::any_of(recent_, same)) return true;
    recent_.push_back({p, us});
    // It refers to the bytes of the packet.
    recent_.back().content.payload = {};
    if (recent_.size() > max_recent) recent_.pop_front();
    return false;
}

void capture_reader::add(const packet& p, std::int64_t us) {
    if (is_duplicate(p, us)) return;
    last_us_ = std::max(last_us_, us);
    const auto known = known_.find(key_of(p));
    const bool is_first_syn = p.syn && !p.ack && !p.icmp;
    if (known != known_.end()) {
        const auto belongs = known->second;
        // The client uses the port of an earlier session again.
        auto& session = *sessions_[belongs.session];
        const bool is_another =
            is_first_syn && (belongs.data ? session.data(*belongs.data).has_ended() : session.has_messages());
        if (!is_another) return add_to(belongs, p, us);
        known_.erase(known);
    }
    if (p.icmp) return;
    if (is_first_syn && add_data_connection(p, us)) return;
    add_unknown(p, us);
}

void capture_reader::add_to(const role& known, const packet& p, std::int64_t us) {
    auto& session = *sessions_[known.session];
    if (known.data)
        session.data(*known.data).add(p, us);
    else
        session.add_control(p, us);
}

bool capture_reader::add_data_connection(const packet& p, std::int64_t us) {
    // The latest session first: an earlier one may have the same two hosts.
    for (auto i = sessions_.size(); i-- > 0;) {
        if (!sessions_[i]->expects(p.from, p.to)) continue;
        const auto number = known_.size() < max_connections ? sessions_[i]->add_data(p, us) : std::nullopt;
        left_out_ = left_out_ || !number;
        if (!number) return true;
        known_[key_of(p)] = {i, number};
        sessions_[i]->data(*number).add(p, us);
        return true;
    }
    return false;
}

/// The opening of a connection, which may become a control connection.
void capture_reader::add_young(const packet& p, std::int64_t us) {
    const auto key = key_of(p);
    const auto [at, is_new] = young_.try_emplace(key, young{p.ack ? p.to : p.from, p.ack ? p.from : p.to});
    auto opening = p;
    // It refers to the bytes of the packet.
    opening.payload = {};
    constexpr std::size_t max_opening = 8;
    if (at->second.opening.size() < max_opening) at->second.opening.emplace_back(opening, us);
    if (!is_new) return;
    young_order_.push_back(key);
    if (young_order_.size() <= max_young) return;
    young_.erase(young_order_.front());
    young_order_.pop_front();
}

/// A packet of a connection that belongs to no session so far.
void capture_reader::add_unknown(const packet& p, std::int64_t us) {
    if (p.syn && !p.ack && is_usual_port(p.to.port)) return begin({p.from, p.to, {}}, p, us);
    if (p.syn) return add_young(p, us);
    if (p.size == 0) return;
    const auto found = young_.find(key_of(p));
    const bool has_opening = found != young_.end();
    if (is_greeting(p.payload) && (!has_opening || p.from == found->second.server)) {
        begin(has_opening ? found->second : young{p.to, p.from, {}}, p, us);
    } else if (!has_opening && is_usual_port(p.to.port)) {
        // The capture has begun after the session.
        begin({p.from, p.to, {}}, p, us);
    } else if (!has_opening && is_usual_port(p.from.port)) {
        begin({p.to, p.from, {}}, p, us);
    }
    // Its entry in the order stays until it is the oldest.
    young_.erase(key_of(p));
}

void capture_reader::begin(const young& connection, const packet& p, std::int64_t us) {
    if (sessions_.size() >= max_sessions || known_.size() >= max_connections) {
        left_out_ = true;
        return;
    }
    const auto began = connection.opening.empty() ? us : connection.opening.front().second;
    sessions_.push_back(std::make_unique<capture_session>(connection.client, connection.server, began));
    known_[key_of(p)] = {sessions_.size() - 1, {}};
    for (const auto& [opening, at] : connection.opening) sessions_.back()->add_control(opening, at);
    sessions_.back()->add_control(p, us);
}

bool capture_reader::is_worth_reporting(const capture_session& session) const {
    return !session.is_other_protocol() && (session.has_messages() || is_usual_port(session.server().port));
}

std::vector<diagnosis::facts> capture_reader::sessions() {
    std::vector<diagnosis::facts> out;
    std::map<std::uint32_t, const capture_session*> seen;
    for (const auto& session : sessions_) {
        if (!is_worth_reporting(*session)) continue;
        auto known = session->facts(last_us_);
        const auto sequence = session->client_sequence();
        const auto* const same = sequence ? seen.try_emplace(*sequence, session.get()).first->second : session.get();
        const auto& other = *same;
        const bool is_other_side = same != session.get() &&
                                   session->started_us() - other.started_us() < max_translation_us &&
                                   (session->client() != other.client() || session->server() != other.server());
        if (is_other_side) {
            auto text = fmt::format("by a router: {} to {} on its other side", other.client().text(), other.server().text());
            known.phases.insert(known.phases.begin(), {"translation", true, 0, {}, 0, std::move(text)});
        }
        out.push_back(std::move(known));
    }
    if (left_out_ && !out.empty())
        out.back().not_measured.emplace_back(
            "further sessions and data connections: the capture has more than the doctor reads");
    return out;
}

}  // namespace sallyport::doctor
