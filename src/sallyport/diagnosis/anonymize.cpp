#include <sallyport/diagnosis/anonymize.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/diagnosis/rule_support.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>

namespace sallyport::diagnosis {

namespace {

/// The network whose addresses replace those of this kind; empty: the address stays, as it names no network.
std::string_view network_for(const ip_address& a) {
    static const auto carrier = *ip_network::parse("100.64.0.0/10");
    if (a.is_unspecified() || a.is_loopback() || a.is_multicast() || a.is_link_local()) return {};
    if (a.is_v6()) return a.is_private() ? "fd00::" : "2001:db8::";
    if (is_container_address(a)) return "172.17.0.";
    if (carrier.contains(a)) return "100.64.0.";
    return a.is_private() ? "10.0.0." : "203.0.113.";
}

constexpr std::string_view digits = "0123456789";

/// Without the brackets and the port of an authority.
std::string bare_host(std::string_view authority) {
    if (authority.starts_with('[')) return std::string(authority.substr(1, authority.find(']') - 1));
    const auto colon = authority.find(':');
    // More than one colon: an IPv6 address.
    return std::string(authority.substr(0, authority.find(':', colon + 1) == authority.npos ? colon : authority.npos));
}

class substitutes {
public:
    explicit substitutes(std::string_view user) {
        if (!proto::is_anonymous_name(user)) user_ = user;
    }

    void apply(facts& known) {
        host_ = bare_host(known.host);
        // A number may be any part of a text, and an address has its own substitute.
        if (ip_address::parse(host_) || host_.find_first_not_of(digits) == host_.npos) host_.clear();
        apply(known.server.address);
        apply(known.client.address);
        for (auto& each : known.host_addresses) apply(each);
        if (known.translated_server) apply(*known.translated_server);
        known.host = host(known.host);
        for_each_text(known, [this](std::string& each) { each = text(each); });
        for (auto& each : known.methods) {
            if (each.target) apply(each.target->address);
            if (each.advertised) apply(each.advertised->address);
            if (each.seen_by_server) apply(*each.seen_by_server);
        }
        for (auto& each : known.compared.other_sessions) apply(each);
        for (auto& each : known.traces) apply(each);
        if (known.compared.other_port) apply(*known.compared.other_port);
    }

private:
    void apply(ip_address& a) { a = address(a); }
    void apply(server_view& view) {
        apply(view.peer.address);
        if (view.source) apply(view.source->address);
        for (auto& other : view.others) apply(other);
    }
    void apply(path_trace& trace) {
        apply(trace.to.address);
        for (auto& answer : trace.answers)
            if (answer.from) apply(*answer.from);
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

    /// The name of the host and of the user as a word of its own.
    std::string without_names(std::string_view text) {
        std::string out;
        const auto is_part = [](char c) { return is_alpha(c) || is_digit(c); };
        for (std::size_t at = 0; at < text.size();) {
            const bool begins = at == 0 || !is_part(text[at - 1]);
            const auto size = begins ? size_of_name(text.substr(at)) : 0;
            if (size != 0 && (at + size == text.size() || !is_part(text[at + size]))) {
                out += name(to_lower(text.substr(at, size)), is_host(text.substr(at, size)) ? "name-{}.example" : "user-{}");
                at += size;
            } else {
                out += text[at++];
            }
        }
        return out;
    }

    [[nodiscard]] bool is_host(std::string_view text) const { return !host_.empty() && iequals(text, host_); }

    /// How much of the beginning of a text is one of the names.
    [[nodiscard]] std::size_t size_of_name(std::string_view text) const {
        for (const std::string_view each : {std::string_view(host_), std::string_view(user_)})
            if (!each.empty() && iequals(text.substr(0, each.size()), each)) return each.size();
        return 0;
    }

    /// IPv4 addresses between other characters, as in "ip-203.0.113.5-x".
    std::string without_addresses(std::string_view text) {
        std::string out;
        while (!text.empty()) {
            const auto begin = std::min(text.find_first_of(digits), text.size());
            out += text.substr(0, begin);
            text.remove_prefix(begin);
            const auto size = std::min(text.find_first_not_of("0123456789."), text.size());
            const auto found = ip_address::parse(text.substr(0, size));
            out += found ? address(*found).text() : std::string(text.substr(0, size));
            text.remove_prefix(size);
        }
        return out;
    }

    /// "ftp://user:password@host:21/path", or the part of it before a separator.
    std::string url(std::string_view scheme, std::string_view rest) {
        auto out = std::string(scheme) + "://";
        const auto slash = std::min(rest.find('/'), rest.size());
        auto authority = rest.substr(0, slash);
        const auto path = rest.substr(slash);
        if (const auto at = authority.rfind('@'); at != authority.npos) {
            out += name(std::string(authority.substr(0, at)), "user-{}") + '@';
            authority.remove_prefix(at + 1);
        }
        const auto colon = std::min(authority.rfind(':'), authority.size());
        if (const auto whole = ip_address::parse(authority)) {
            out += address(*whole).text();
        } else if (const auto bare = ip_address::parse(authority.substr(0, colon))) {
            out += address(*bare).text() + std::string(authority.substr(colon));
        } else if (!authority.empty()) {
            out += name(to_lower(authority.substr(0, colon)), "name-{}.example") + std::string(authority.substr(colon));
        }
        if (path.size() > 1) return out + name(std::string(path), "/path-{}");
        return out + std::string(path);
    }

    /// One word of a text, without blanks, quotes and brackets.
    std::string word(std::string_view original) {
        if (original.empty()) return {};
        if (const auto bare = ip_address::parse(original)) return address(*bare).text();
        if (const auto both = endpoint::parse(original); both && original.front() != ':' && original.front() != '*')
            return endpoint{address(both->address), both->port}.text();
        if (const auto scheme = original.find("://"); scheme != original.npos)
            return url(original.substr(0, scheme), original.substr(scheme + 3));
        if (original.size() > 1 && original.front() == '/') return name(std::string(original), "/path-{}");
        if (original.find('@') != original.npos) return name(std::string(original), "name-{}@example");
        // "label:203.0.113.5", "203.0.113.0/24"
        for (const char separator : {'/', ':'})
            if (const auto at = original.find(separator); at != original.npos)
                return word(original.substr(0, at)) + separator + word(original.substr(at + 1));
        const auto dot = original.rfind('.');
        const bool is_name = dot != original.npos && dot > 0 && dot + 2 < original.size() && is_alpha(original[dot + 1]) &&
                             is_alpha(original[dot + 2]);
        if (is_name || is_host(original)) return name(to_lower(original), "name-{}.example");
        return without_names(without_addresses(original));
    }

    /// "10,7,8,9,195,81" of a 227, and what is left of it if the server writes it wrong; nothing if it has no address.
    std::optional<std::string> numbers(std::string_view original) {
        auto end = std::string_view::size_type{0};
        for (int i = 0; i < 4; ++i) end = std::min(original.find(',', end + (i == 0 ? 0 : 1)), original.size());
        auto four = std::string(original.substr(0, end));
        std::ranges::replace(four, ',', '.');
        const auto found = ip_address::parse(four);
        if (!found || !found->is_v4()) return std::nullopt;
        auto out = address(*found).text();
        std::ranges::replace(out, '.', ',');
        return out + std::string(original.substr(end));
    }

    std::string text(std::string_view original) {
        static constexpr std::string_view ends = " \t\"'()<>|;[]=,{}";
        // A login name may have such characters too.
        const bool whole = user_.find_first_of(ends) != user_.npos;
        const auto clean = whole ? without_names(original) : std::string(original);
        original = clean;
        std::string out;
        while (!original.empty()) {
            if (is_digit(original.front()) && (out.empty() || !(is_alpha(out.back()) || is_digit(out.back())))) {
                const auto size = std::min(original.find_first_not_of("0123456789,"), original.size());
                if (const auto both = numbers(original.substr(0, size))) {
                    out += *both;
                    original.remove_prefix(size);
                    continue;
                }
            }
            const auto size = std::min(original.find_first_of(ends), original.size());
            auto core = original.substr(0, size);
            while (!core.empty() && std::string_view(".:!").find(core.back()) != std::string_view::npos)
                core.remove_suffix(1);
            out += word(core) + std::string(original.substr(core.size(), size - core.size()));
            original.remove_prefix(size);
            if (original.empty()) break;
            out += original.front();
            original.remove_prefix(1);
        }
        return out;
    }

    /// The target of the run is hidden whatever its form.
    std::string host(std::string_view authority) {
        const auto bare = bare_host(authority);
        if (bare.empty() || ip_address::parse(bare)) return text(authority);
        return name(to_lower(bare), "name-{}.example") +
               std::string(authority.substr(std::min(bare.size(), authority.size())));
    }

    std::map<ip_address, ip_address> addresses_;
    std::map<std::string, std::string> names_;
    std::string host_;
    std::string user_;
    unsigned next_ = 1;
};

}  // namespace

facts anonymized(facts known, std::string_view user) {
    substitutes all(user);
    all.apply(known);
    return known;
}

}  // namespace sallyport::diagnosis
