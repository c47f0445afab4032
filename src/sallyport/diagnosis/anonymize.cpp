#include <sallyport/diagnosis/anonymize.hpp>

#include <algorithm>
#include <map>
#include <string>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/host_port.hpp>

namespace sallyport::diagnosis {

namespace {

/// The network whose addresses replace those of this kind; empty: the address stays, as it names no network.
std::string_view network_for(const ip_address& a) {
    static const auto bridges = *ip_network::parse("172.16.0.0/12");
    static const auto carrier = *ip_network::parse("100.64.0.0/10");
    if (a.is_unspecified() || a.is_loopback() || a.is_multicast() || a.is_link_local()) return {};
    if (a.is_v6()) return a.is_private() ? "fd00::" : "2001:db8::";
    if (bridges.contains(a)) return "172.17.0.";
    if (carrier.contains(a)) return "100.64.0.";
    return a.is_private() ? "10.0.0." : "203.0.113.";
}

class substitutes {
public:
    void apply(facts& known) {
        apply(known.server.address);
        apply(known.client.address);
        for (auto& each : known.host_addresses) apply(each);
        known.host = text(known.host);
        known.source = text(known.source);
        known.greeting = text(known.greeting);
        for (auto& each : known.features) each = text(each);
        for (auto& each : known.not_measured) each = text(each);
        for (auto& each : known.phases) each.detail = text(each.detail);
        for (auto& each : known.methods) apply(each);
        for (auto& each : known.traces) {
            apply(each.to.address);
            for (auto& answer : each.answers)
                if (answer.from) apply(*answer.from);
        }
    }

private:
    void apply(ip_address& a) { a = address(a); }

    void apply(method_facts& m) {
        if (m.target) apply(m.target->address);
        if (m.advertised) apply(m.advertised->address);
        for (auto* const each : {&m.reply, &m.detail, &m.malformed}) *each = text(*each);
    }

    ip_address address(const ip_address& a) {
        const auto network = network_for(a);
        if (network.empty()) return a;
        const auto [known, is_new] = addresses_.try_emplace(a);
        // A network of more than 250 hosts continues with the first substitute.
        if (is_new)
            known->second = *ip_address::parse(
                fmt::format("{}{}", network, a.is_v6() ? fmt::format("{:x}", next_++) : std::to_string(next_++ % 250 + 1)));
        return known->second;
    }

    std::string name(const std::string& original, std::string_view form) {
        const auto [known, is_new] = names_.try_emplace(original);
        if (is_new) known->second = fmt::format(fmt::runtime(form), names_.size());
        return known->second;
    }

    /// One word of a text, without blanks and quotes.
    std::string word(const std::string& original) {
        if (const auto both = proto::parse_host_port(original))
            return proto::format_host_port({address(both->address), both->port});
        if (const auto bare = ip_address::parse(original)) return address(*bare).text();
        if (const auto both = endpoint::parse(original); both && original.front() != ':' && original.front() != '*')
            return endpoint{address(both->address), both->port}.text();
        if (original.size() > 1 && original.front() == '/') return name(original, "/path-{}");
        if (original.find('@') != original.npos) return name(original, "name-{}@example");
        const auto dot = original.rfind('.');
        const auto colon = std::min(original.find(':'), original.size());
        const bool is_name =
            dot != original.npos && dot > 0 && dot + 2 < colon && is_alpha(original[dot + 1]) && is_alpha(original[dot + 2]);
        if (is_name) return name(original.substr(0, colon), "name-{}.example") + original.substr(colon);
        return original;
    }

    std::string text(std::string_view original) {
        static constexpr std::string_view ends = " \t\"'()<>|;";
        std::string out;
        while (!original.empty()) {
            const auto size = std::min(original.find_first_of(ends), original.size());
            auto core = std::string(original.substr(0, size));
            std::string tail;
            while (!core.empty() && std::string_view(".,:!").find(core.back()) != std::string_view::npos) {
                tail.insert(tail.begin(), core.back());
                core.pop_back();
            }
            out += (core.empty() ? core : word(core)) + tail;
            original.remove_prefix(size);
            if (original.empty()) break;
            out += original.front();
            original.remove_prefix(1);
        }
        return out;
    }

    std::map<ip_address, ip_address> addresses_;
    std::map<std::string, std::string> names_;
    unsigned next_ = 1;
};

}  // namespace

facts anonymized(facts known) {
    substitutes all;
    all.apply(known);
    return known;
}

}  // namespace sallyport::diagnosis
