#include <sallyport/cli/openings_text.hpp>

#include <cstdint>

#include <fmt/format.h>

namespace sallyport::cli {
namespace {

namespace json = boost::json;

[[nodiscard]] std::string text_or_dash(const json::value& v) { return v.is_string() ? std::string(v.get_string()) : "-"; }

}  // namespace

json::array openings_of(const json::object& status) {
    json::array out;
    for (const auto& v : status.at("sessions").get_array()) {
        const auto& session = v.get_object();
        for (const auto& w : session.at("openings").get_array()) {
            const auto& opening = w.get_object();
            const bool active = opening.at("leg").get_string() == "backend";
            out.push_back({{"session", session.at("id")},
                           {"client", session.at("client")},
                           {"server", session.at("backend")},
                           {"reason", active ? "active" : "passive"},
                           {"peer", opening.at("peer")},
                           {"port", opening.at("port")},
                           {"forwarded_to", opening.at("forwarded_to")},
                           {"age_seconds", opening.at("age_seconds")},
                           {"attempted", opening.at("attempted")},
                           {"expires_in_seconds", opening.at("expires_in_seconds")}});
        }
    }
    return out;
}

std::string line_of_opening(const json::object& opening) {
    const auto& forwarded = opening.at("forwarded_to");
    const auto& age = opening.at("age_seconds");
    const auto& expires = opening.at("expires_in_seconds");
    return fmt::format("{}: {}, session of {} with {}: from {} to port {}, {}, {}{}, {}",
                       text_or_dash(opening.at("session")), text_or_dash(opening.at("reason")),
                       text_or_dash(opening.at("client")), text_or_dash(opening.at("server")),
                       text_or_dash(opening.at("peer")), opening.at("port").to_number<std::uint64_t>(),
                       forwarded.is_string() ? "forwarded to " + text_or_dash(forwarded) : "accepted by the gateway",
                       age.is_number() ? fmt::format("{:.0f} s old, ", age.to_number<double>()) : "",
                       opening.at("attempted").get_bool() ? "attempted" : "not used",
                       expires.is_number() ? fmt::format("{:.0f} s left", expires.to_number<double>()) : "until it is used");
}

}  // namespace sallyport::cli
