#pragma once
// Test support: facts of sessions in a path of five hops, as the probes find them. Pure functions; any thread.

#include <string>
#include <vector>

#include <sallyport/diagnosis/facts.hpp>
#include <sallyport/diagnosis/rules.hpp>

namespace sallyport::diagnosis {

inline ip_address address(std::string_view text) { return *ip_address::parse(text); }

inline const std::vector<std::string>& hop_addresses() {
    static const std::vector<std::string> all{"192.168.1.1", "203.0.113.201", "203.0.113.65", "198.51.100.1",
                                              "198.51.100.7"};
    return all;
}

inline ip_address hop_address(unsigned hop) { return address(hop_addresses().at(hop - 1)); }

constexpr unsigned test_distance = 5;

/// A session that was opened: client, its router, provider, backbone, the server's router, server.
inline facts opened_session() {
    facts out;
    out.host = "ftp.example.org";
    out.client = {address("192.168.1.2"), 40000};
    out.server = {address("198.51.100.7"), 21};
    out.host_addresses = {out.server.address};
    for (const auto* const name : {"connect", "greeting", "login"}) out.phases.push_back({name, true, 20, {}, 0, {}});
    return out;
}

inline method_facts attempt(proto::data_method method, method_result result, bool tls = false, std::uint16_t port = 50000) {
    method_facts out;
    out.method = method;
    out.result = result;
    out.tls = tls;
    out.target = endpoint{is_active(method) ? address("192.168.1.2") : address("198.51.100.7"), port};
    if (!is_active(method)) out.advertised = out.target;
    return out;
}

/// The hops up to `last` answer, and with `end` the TTLs from `reached` on get that answer.
inline path_trace trace_to(bool control, unsigned last, hop_answer end = hop_answer::none, unsigned reached = 0) {
    path_trace out;
    out.control = control;
    out.to = {address("198.51.100.7"), static_cast<std::uint16_t>(control ? 21 : 50000)};
    for (unsigned ttl = 1; ttl <= test_distance; ++ttl) {
        ttl_answer answer{ttl, hop_answer::none, std::nullopt, 0, 0};
        if (ttl <= last)
            answer = {ttl, hop_answer::expired, hop_address(ttl), 11, 0};
        else if (end != hop_answer::none && ttl >= reached)
            answer.what = end;
        out.answers.push_back(answer);
    }
    return out;
}

inline path_trace control_trace() { return trace_to(true, test_distance - 1, hop_answer::opened, test_distance); }

inline std::vector<std::string> ids(const std::vector<verdict>& found) {
    std::vector<std::string> out;
    for (const auto& each : found) out.push_back(each.id);
    return out;
}

}  // namespace sallyport::diagnosis
