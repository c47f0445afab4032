#include <sallyport/doctor/capture_reader.hpp>

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace sallyport::doctor {

namespace {

constexpr std::uint16_t control_port = 21;
constexpr std::uint16_t implicit_tls_port = 990;
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

bool is_worth_reporting(const capture_session& session) {
    return !session.is_other_protocol() && (session.has_messages() || is_usual_port(session.server().port));
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
        auto& session = *sessions_.at(belongs.session);
        const bool is_another = is_first_syn && (belongs.data ? session.data(*belongs.data).has_ended()
                                                              : session.has_messages() || session.has_ended());
        if (!is_another) return add_to(belongs, p, us);
        known_.erase(known);
    }
    if (p.icmp) return;
    if (is_first_syn && add_data_connection(p, us)) return;
    add_unknown(p, us);
}

void capture_reader::add_to(const role& known, const packet& p, std::int64_t us) {
    if (known.data)
        sessions_.at(known.session)->data(*known.data).add(p, us);
    else
        add_control(known.session, p, us);
}

void capture_reader::add_control(std::size_t number, const packet& p, std::int64_t us) {
    auto& session = *sessions_.at(number);
    const bool was_other = session.is_other_protocol();
    const bool has_memory = line_bytes_ < limits_.line_bytes;
    left_out_ = left_out_ || !has_memory;
    line_bytes_ -= session.line_bytes();
    session.add_control(p, us, has_memory);
    line_bytes_ += session.line_bytes();
    if (!was_other && session.is_other_protocol()) silent_.push_back(number);
}

bool capture_reader::add_data_connection(const packet& p, std::int64_t us) {
    // The latest session first: an earlier one may have the same two hosts.
    const auto latest = std::find_if(sessions_.rbegin(), sessions_.rend(),
                                     [&p](const auto& each) { return each.second->expects(p.from, p.to); });
    if (latest == sessions_.rend()) return false;
    auto& session = *latest->second;
    const auto number = known_.size() < limits_.connections ? session.add_data(p, us) : std::nullopt;
    left_out_ = left_out_ || !number;
    if (!number) return true;
    known_[key_of(p)] = {latest->first, number};
    session.data(*number).add(p, us);
    return true;
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
    if (!make_room()) {
        left_out_ = true;
        return;
    }
    const auto began = connection.opening.empty() ? us : connection.opening.front().second;
    const auto number = next_number_++;
    sessions_.emplace(number, std::make_unique<capture_session>(connection.client, connection.server, began));
    silent_.push_back(number);
    known_[key_of(p)] = {number, {}};
    for (const auto& [opening, at] : connection.opening) add_control(number, opening, at);
    add_control(number, p, us);
}

/// For one more session, if need be in place of the oldest one without FTP.
bool capture_reader::make_room() {
    if (sessions_.size() < limits_.sessions && known_.size() < limits_.connections) return true;
    while (!silent_.empty()) {
        const auto number = silent_.front();
        silent_.pop_front();
        const auto found = sessions_.find(number);
        if (found == sessions_.end() || found->second->has_messages() || found->second->has_data()) continue;
        left_out_ = left_out_ || is_worth_reporting(*found->second);
        forget(number);
        return true;
    }
    return false;
}

/// A session without data connections.
void capture_reader::forget(std::size_t number) {
    const auto& session = *sessions_.at(number);
    const auto control = known_.find(std::minmax(session.client(), session.server()));
    // Another session may have the same two ends since.
    if (control != known_.end() && control->second.session == number) known_.erase(control);
    line_bytes_ -= session.line_bytes();
    sessions_.erase(number);
}

std::vector<diagnosis::facts> capture_reader::sessions() {
    std::vector<diagnosis::facts> out;
    std::map<std::uint32_t, const capture_session*> seen;
    for (const auto& [number, session] : sessions_) {
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
            "further sessions, commands and data connections: the capture has more than the doctor reads");
    return out;
}

}  // namespace sallyport::doctor
