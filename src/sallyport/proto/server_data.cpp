#include <sallyport/proto/server_data.hpp>

#include <utility>

namespace sallyport::proto {

std::variant<reply, act::open_passive> server_data::negotiate(const command& c, bool protect) {
    release_negotiation();
    const auto wanted = requests_.read(c);
    if (!wanted) {
        if (wanted.error().bounce_attempt) ++bounce_attempts_;
        return as_reply(wanted.error().reply);
    }
    if (is_active(wanted->method)) {
        setup_ = data_target{wanted->target, wanted->method};
        return as_reply(active_reply(wanted->method));
    }
    // The driver replaces the old port with the new one.
    release_pending_ = false;
    passive_method_ = wanted->method;
    return act::open_passive{wanted->method == data_method::epsv, protect};
}

reply server_data::passive_opened(const result<endpoint>& advertised) {
    auto answer = passive_reply(passive_method_, advertised);
    requests_.note_answer(answer);
    if (answer.code != 425) setup_ = passive_port{passive_method_};
    return as_reply(std::move(answer));
}

void server_data::release_negotiation() noexcept {
    if (std::holds_alternative<passive_port>(setup_)) release_pending_ = true;
    release_persistent();
    setup_ = std::monostate{};
}

void server_data::release_persistent() noexcept {
    if (!std::holds_alternative<persistent_data>(setup_)) return;
    release_pending_ = true;
    setup_ = std::monostate{};
}

void server_data::release_unless_persistent() noexcept {
    if (!std::holds_alternative<persistent_data>(setup_)) release_negotiation();
}

data_setup server_data::release() noexcept { return std::exchange(setup_, std::monostate{}); }

bool server_data::pop_release_request() noexcept { return std::exchange(release_pending_, false); }

site_doctor_session server_data::doctor_session(const endpoint& peer, data_sources arrived) const {
    // It belongs to the negotiation before.
    if (std::holds_alternative<data_target>(setup_)) arrived = {};
    return {peer, requests_.last_line(), std::move(arrived)};
}

std::string_view server_data::text() const noexcept {
    if (std::holds_alternative<passive_port>(setup_)) return "passive port is open";
    if (std::holds_alternative<data_target>(setup_)) return "active target is set";
    if (std::holds_alternative<persistent_data>(setup_)) return "data connection open";
    return "no data connection";
}

}  // namespace sallyport::proto
