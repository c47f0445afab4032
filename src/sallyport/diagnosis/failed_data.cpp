#include <sallyport/diagnosis/failed_data.hpp>

#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/diagnosis/rule_support.hpp>

namespace sallyport::diagnosis {

namespace {

using namespace std::chrono_literals;

// A client whose connection was refused goes on at once; Windows tries it again for up to two seconds. One that gets no
// answer waits longer than this.
constexpr auto longest_refusal = 3s;

struct id_and_weight {
    std::string_view id;
    diagnosis::side side = side::undecided;
    confidence sure = confidence::possible;
};

/// No connection of the client arrived at the passive port.
id_and_weight judge_missing(const failed_data& seen) {
    const bool names_address = seen.method == proto::data_method::pasv && seen.address;
    if (names_address && seen.address->address.is_unspecified()) return {"unspecified-address", side::server_config};
    // Such an address cannot be that of a server which this client reaches.
    if (names_address && seen.address->address.is_private() && seen.peer.is_public())
        return {is_container_address(seen.address->address) ? "container-address" : "private-address", side::server_config,
                confidence::likely};
    if (!seen.others.empty()) return {"other-source-address"};
    if (seen.how == data_failure::abandoned && seen.waited < longest_refusal) return {"data-ports-refused"};
    return {"data-ports-dropped"};
}

/// On the client leg.
id_and_weight weigh_client_leg(const failed_data& seen) {
    switch (seen.how) {
        case data_failure::not_arrived:
        case data_failure::abandoned: return is_active(seen.method) ? id_and_weight{"active-blocked"} : judge_missing(seen);
        case data_failure::unanswered: return {"data-ports-dropped", side::server, confidence::likely};
        case data_failure::no_port: return {"passive-ports-used-up", side::server, confidence::likely};
        // The RST comes from the client's host, or from a device in front of it.
        case data_failure::refused: return {"active-blocked", side::client, confidence::likely};
        case data_failure::timed_out:
        case data_failure::unreachable: return {"active-blocked"};
        case data_failure::cannot_bind: return {"server-cannot-bind", side::server, confidence::likely};
        case data_failure::private_target: return {"active-private-address", side::client_config, confidence::likely};
        case data_failure::not_resumed: return {"tls-session-not-reused", side::undecided, confidence::likely};
    }
    return {"data-ports-dropped"};
}

/// On the backend leg. In passive mode the gateway connects, so it knows how that failed.
id_and_weight weigh_backend_leg(const failed_data& seen) {
    if (is_active(seen.method)) {
        if (!seen.others.empty()) return {"other-source-address"};
        // The backend's requests have passed its own firewall.
        if (seen.how == data_failure::unanswered) return {"active-blocked", side::client, confidence::likely};
        return {"active-blocked"};
    }
    // The RST comes from the backend, or from a device in front of it.
    if (seen.how == data_failure::refused) return {"data-ports-refused", side::server, confidence::likely};
    if (seen.how == data_failure::unreachable) return {"data-ports-rejected"};
    return {"data-ports-dropped"};
}

std::string seconds_of(std::chrono::milliseconds t) {
    return fmt::format("{:.1f} s", std::chrono::duration<double>(t).count());
}

/// What was seen, without a conclusion.
std::string observation(const failed_data& seen) {
    const auto waited = seconds_of(seen.waited);
    switch (seen.how) {
        case data_failure::not_arrived:
            return fmt::format("no connection of {} arrived within {}", seen.peer.text(), waited);
        case data_failure::abandoned:
            if (seen.on_backend_leg)
                return fmt::format("{} gave up after {}, and there was no data connection", seen.peer.text(), waited);
            if (is_active(seen.method))
                return fmt::format("no answer for {}, and then {} went on", waited, seen.peer.text());
            return fmt::format("{} went on after {}, and no connection of it had arrived", seen.peer.text(), waited);
        case data_failure::unanswered:
            return fmt::format("connection requests of {} arrived within {}, and none was answered", seen.peer.text(),
                               waited);
        case data_failure::no_port: return fmt::format("no port for {}", seen.peer.text());
        case data_failure::refused: return fmt::format("refused after {}", waited);
        case data_failure::timed_out: return fmt::format("timed out after {}", waited);
        case data_failure::unreachable: return fmt::format("unreachable after {}", waited);
        case data_failure::cannot_bind: return "no local address or port to connect from";
        case data_failure::private_target:
            return fmt::format("a private address, and the client connects from {}", seen.peer.text());
        case data_failure::not_resumed:
            return fmt::format("the connection of {} did not resume the control connection's TLS session", seen.peer.text());
    }
    return {};
}

std::string_view word_of(confidence sure) {
    switch (sure) {
        case confidence::possible: return "Possible";
        case confidence::likely: return "Likely";
        case confidence::certain: break;
    }
    return "Certain";
}

}  // namespace

verdict judge(const failed_data& seen) {
    const auto [id, where, sure] = seen.on_backend_leg ? weigh_backend_leg(seen) : weigh_client_leg(seen);
    auto found = verdict_of(id, where, sure);
    found.method = seen.method;
    found.evidence.push_back(observation(seen));
    if (!seen.others.empty()) {
        std::vector<std::string> names;
        for (const auto& other : seen.others) names.push_back(other.text());
        found.evidence.push_back(fmt::format("other addresses that connected to the port: {}", fmt::join(names, ", ")));
    }
    if (!seen.detail.empty()) found.evidence.push_back(seen.detail);
    return found;
}

std::string log_line(const failed_data& seen, const verdict& found) {
    return fmt::format("Data connection failed [{}] {}{}{}{}: {}. {} cause, side {}: {} {}", found.id,
                       seen.transfer.empty() ? std::string() : escape(seen.transfer, 200) + ", ",
                       seen.on_backend_leg ? "backend leg, " : "", proto::name(seen.method),
                       seen.address ? " " + seen.address->text() : std::string(),
                       escape(fmt::format("{}", fmt::join(found.evidence, "; "))), word_of(found.confidence),
                       name(found.side), found.cause, found.remedy);
}

}  // namespace sallyport::diagnosis
