#include <sallyport/proto/relay_transitions.hpp>

#include <algorithm>
#include <cassert>

namespace sallyport::proto {
namespace {

constexpr auto transition_rows = [] {
    using enum relay_stage;
    using enum relay_event;
    return std::to_array<relay_transition>({
        {open, command_sent, awaiting_reply},
        {open, backend_requested, selecting_backend},
        {open, backend_port_requested, reserving_backend_port},
        {open, data_method_sent, negotiating},
        {open, transfer_started, transfer},
        {open, auth_sent, awaiting_auth_reply},
        {open, client_tls_offered, starting_client_tls},
        {open, ccc_accepted, ending_client_tls},
        {open, session_ended, closing},

        {selecting_backend, backend_found, awaiting_reply},
        {selecting_backend, backend_refused, open},
        {selecting_backend, session_ended, closing},

        {awaiting_reply, all_replied, open},
        {awaiting_reply, admission_requested, admitting_user},
        {awaiting_reply, backend_requested, selecting_backend},
        {awaiting_reply, session_ended, closing},

        {admitting_user, user_admitted, awaiting_reply},
        {admitting_user, session_ended, closing},

        {reserving_backend_port, data_method_sent, negotiating},
        {reserving_backend_port, negotiation_finished, open},
        {reserving_backend_port, session_ended, closing},

        {negotiating, data_method_sent, negotiating},
        {negotiating, backend_port_requested, reserving_backend_port},
        {negotiating, backend_opening_requested, opening_backend_port},
        {negotiating, client_port_requested, reserving_client_port},
        {negotiating, negotiation_finished, open},
        {negotiating, session_ended, closing},

        {opening_backend_port, data_method_sent, negotiating},
        {opening_backend_port, negotiation_finished, open},
        {opening_backend_port, session_ended, closing},

        {reserving_client_port, negotiation_finished, open},
        {reserving_client_port, session_ended, closing},

        {transfer, transfer_finished, awaiting_reply},
        {transfer, session_ended, closing},

        {awaiting_auth_reply, auth_refused, open},
        {awaiting_auth_reply, client_hello_requested, awaiting_client_hello},
        {awaiting_auth_reply, auth_accepted, starting_backend_tls},
        {awaiting_auth_reply, passthrough_accepted, passthrough},
        {awaiting_auth_reply, session_ended, closing},

        {awaiting_client_hello, auth_accepted, starting_backend_tls},
        {awaiting_client_hello, passthrough_accepted, passthrough},
        {awaiting_client_hello, client_tls_offered, starting_client_tls},
        {awaiting_client_hello, session_ended, closing},

        {starting_backend_tls, client_tls_offered, starting_client_tls},
        {starting_backend_tls, session_ended, closing},

        {starting_client_tls, client_tls_started, open},
        {starting_client_tls, session_ended, closing},

        {ending_client_tls, client_tls_ended, open},
        {ending_client_tls, session_ended, closing},

        {passthrough, session_ended, closing},
    });
}();
static_assert(transition_rows.size() <= 64, "relay_stages::taken() has a bit for each");

constexpr auto stage_names = std::to_array<std::string_view>(
    {"open", "selecting_backend", "awaiting_reply", "admitting_user", "reserving_backend_port", "negotiating",
     "opening_backend_port", "reserving_client_port", "transfer", "awaiting_auth_reply", "awaiting_client_hello",
     "starting_backend_tls", "starting_client_tls", "ending_client_tls", "passthrough", "closing"});
static_assert(stage_names.size() == static_cast<std::size_t>(relay_stage::closing) + 1);

constexpr auto event_names = std::to_array<std::string_view>({"command_sent",
                                                              "all_replied",
                                                              "backend_requested",
                                                              "backend_found",
                                                              "backend_refused",
                                                              "admission_requested",
                                                              "user_admitted",
                                                              "backend_port_requested",
                                                              "data_method_sent",
                                                              "backend_opening_requested",
                                                              "client_port_requested",
                                                              "negotiation_finished",
                                                              "transfer_started",
                                                              "transfer_finished",
                                                              "auth_sent",
                                                              "auth_refused",
                                                              "client_hello_requested",
                                                              "auth_accepted",
                                                              "passthrough_accepted",
                                                              "client_tls_offered",
                                                              "client_tls_started",
                                                              "ccc_accepted",
                                                              "client_tls_ended",
                                                              "session_ended"});
static_assert(event_names.size() == static_cast<std::size_t>(relay_event::session_ended) + 1);

[[nodiscard]] std::string page_cell(const relay_transition& row) {
    return std::string(name(row.event)) + " → " + std::string(name(row.to));
}

}  // namespace

std::string_view name(relay_stage stage) noexcept { return stage_names[static_cast<std::size_t>(stage)]; }

bool reads_client(relay_stage stage) noexcept {
    switch (stage) {
        case relay_stage::awaiting_auth_reply:
        case relay_stage::awaiting_client_hello:
        case relay_stage::starting_backend_tls:
        case relay_stage::starting_client_tls:
        case relay_stage::ending_client_tls:
        case relay_stage::passthrough:
        case relay_stage::closing: return false;
        default: return true;
    }
}

bool reads_backend(relay_stage stage) noexcept {
    switch (stage) {
        case relay_stage::awaiting_client_hello:
        case relay_stage::starting_backend_tls:
        case relay_stage::passthrough:
        case relay_stage::closing: return false;
        default: return true;
    }
}

std::string_view name(relay_event event) noexcept { return event_names[static_cast<std::size_t>(event)]; }

std::span<const relay_transition> relay_transitions() noexcept { return transition_rows; }

std::string relay_transitions_page() {
    std::string page = "| stage | event → next stage |\n|---|---|\n";
    for (std::size_t i = 0; i < stage_names.size(); ++i) {
        const auto stage = static_cast<relay_stage>(i);
        std::string cells;
        for (const auto& row : transition_rows) {
            if (row.from != stage || row.event == relay_event::session_ended) continue;
            cells += (cells.empty() ? "" : ", ") + page_cell(row);
        }
        if (!cells.empty()) page += "| " + std::string(name(stage)) + " | " + cells + " |\n";
    }
    return page + "| each of these, and passthrough | " +
           page_cell({relay_stage::open, relay_event::session_ended, relay_stage::closing}) + " |\n";
}

void relay_stages::take(relay_event event) noexcept {
    const auto* const row = std::ranges::find_if(
        transition_rows, [&](const relay_transition& one) { return one.from == now_ && one.event == event; });
    assert(row != transition_rows.end() && "a transition that is not in the table");
    if (row == transition_rows.end()) {
        now_ = relay_stage::closing;
        return;
    }
    now_ = row->to;
    taken_ |= std::uint64_t{1} << static_cast<unsigned>(row - transition_rows.begin());
}

}  // namespace sallyport::proto
