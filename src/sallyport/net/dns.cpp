#include <sallyport/net/dns.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <arpa/nameser.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <sallyport/net/background.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::net {
namespace {

constexpr int wait_seconds = 2;  // for one answer
constexpr int attempts = 2;

/// The system's resolver with its own settings, or with one server of ours. One thread.
class resolver {
public:
    explicit resolver(const std::optional<endpoint>& server) {
        ready_ = ::res_ninit(&state_) == 0;
        state_.retrans = wait_seconds;
        state_.retry = attempts;
        if (!ready_ || !server) return;
        const socket_address address(*server);
        state_.nscount = 1;
        if (address.family() == AF_INET) {
            std::memcpy(&state_.nsaddr_list[0], address.data(), sizeof(sockaddr_in));
            return;
        }
        // The list holds IPv4 only. An entry of no family is looked for in the extension, which res_nclose() frees.
        auto* const wide = static_cast<sockaddr_in6*>(std::malloc(sizeof(sockaddr_in6)));  // NOLINT(*-no-malloc)
        if (wide == nullptr) return;
        std::memcpy(wide, address.data(), sizeof(sockaddr_in6));
        std::free(state_._u._ext.nsaddrs[0]);  // NOLINT(*-no-malloc)
        state_._u._ext.nsaddrs[0] = wide;
        state_.nsaddr_list[0].sin_family = 0;
    }
    ~resolver() {
        if (ready_) ::res_nclose(&state_);
    }
    resolver(const resolver&) = delete;
    resolver& operator=(const resolver&) = delete;

    /// Calls `take(message, record)` for each record of the type in the answer.
    template <class Take>
    result<void> ask(const std::string& name, ns_type type, Take take) {
        if (!ready_) return fail(errc::unresolved, "the system's resolver is not usable");
        std::vector<unsigned char> answer(NS_MAXMSG);
        const int size = ::res_nquery(&state_, name.c_str(), ns_c_in, type, answer.data(), NS_MAXMSG);
        if (size < 0) {
            if (state_.res_h_errno == NO_DATA) return {};
            return fail(errc::unresolved, ::hstrerror(state_.res_h_errno));
        }
        ns_msg message;
        if (::ns_initparse(answer.data(), std::min(size, NS_MAXMSG), &message) != 0)
            return fail(errc::syntax, "the name server's answer is damaged");
        for (int i = 0; i < int{ns_msg_count(message, ns_s_an)}; ++i) {
            ns_rr record;
            if (::ns_parserr(&message, ns_s_an, i, &record) != 0)
                return fail(errc::syntax, "the name server's answer is damaged");
            if (ns_rr_type(record) == type) take(message, record);
        }
        return {};
    }

private:
    struct __res_state state_{};
    bool ready_ = false;
};

[[nodiscard]] std::unexpected<error> not_found(const std::string& name, const error& why) {
    return std::unexpected(error{why.code, 0, fmt::format("cannot look up \"{}\": {}", name, why.what)});
}

result<std::vector<srv_record>> ask_services(const std::string& name, const std::optional<endpoint>& server) {
    std::vector<srv_record> out;
    resolver names(server);
    const auto asked = names.ask(name, ns_t_srv, [&](const ns_msg& message, const ns_rr& record) {
        const auto* const data = ns_rr_rdata(record);
        std::array<char, NS_MAXDNAME> target;
        if (ns_rr_rdlen(record) < 7) return;
        const int size =
            ::ns_name_uncompress(ns_msg_base(message), ns_msg_end(message), data + 6, target.data(), target.size());
        if (size < 0 || target[0] == '\0' || std::strcmp(target.data(), ".") == 0) return;  // ".": no such service
        const auto number = [&](int at) { return static_cast<std::uint16_t>(data[at] << 8U | data[at + 1]); };
        out.push_back({.target = target.data(), .port = number(4), .priority = number(0), .weight = number(2)});
    });
    if (!asked) return not_found(name, asked.error());
    if (out.empty()) return fail(errc::unresolved, fmt::format("cannot look up \"{}\": it names no server", name));
    std::ranges::sort(out);
    return out;
}

result<std::vector<ip_address>> ask_addresses(const std::string& name, const endpoint& server) {
    std::vector<ip_address> out;
    resolver names(server);
    const auto v4 = names.ask(name, ns_t_a, [&](const ns_msg&, const ns_rr& record) {
        std::array<std::uint8_t, 4> bytes{};
        if (ns_rr_rdlen(record) != bytes.size()) return;
        std::memcpy(bytes.data(), ns_rr_rdata(record), bytes.size());
        out.push_back(ip_address::v4(bytes));
    });
    const auto v6 = names.ask(name, ns_t_aaaa, [&](const ns_msg&, const ns_rr& record) {
        std::array<std::uint8_t, 16> bytes{};
        if (ns_rr_rdlen(record) != bytes.size()) return;
        std::memcpy(bytes.data(), ns_rr_rdata(record), bytes.size());
        out.push_back(ip_address::v6(bytes));
    });
    // Half an answer would drop the other half's servers.
    if (!v4) return not_found(name, v4.error());
    if (!v6) return not_found(name, v6.error());
    if (out.empty()) return fail(errc::unresolved, fmt::format("cannot look up \"{}\": it has no address", name));
    std::ranges::sort(out);
    return out;
}

}  // namespace

task<result<std::vector<srv_record>>> find_service(loop& l, std::string name, std::optional<endpoint> server,
                                                   time_limit limit) {
    auto ask = [name, server] { return ask_services(name, server); };
    auto answer = co_await in_background(l, std::move(ask), limit);
    if (answer) co_return std::move(*answer);
    co_return fail(errc::timeout, fmt::format("cannot look up \"{}\": no answer in time", name));
}

task<result<std::vector<ip_address>>> find_addresses(loop& l, std::string name, std::optional<endpoint> server,
                                                     time_limit limit) {
    if (!server || ip_address::parse(name)) {
        auto found = co_await resolve(l, name, limit);
        if (found) std::ranges::sort(*found);
        co_return found;
    }
    auto ask = [name, at = *server] { return ask_addresses(name, at); };
    auto answer = co_await in_background(l, std::move(ask), limit);
    if (answer) co_return std::move(*answer);
    co_return fail(errc::timeout, fmt::format("cannot look up \"{}\": no answer in time", name));
}

}  // namespace sallyport::net
