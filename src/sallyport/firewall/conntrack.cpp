#include <sallyport/firewall/conntrack.hpp>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <fmt/format.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <sallyport/net/socket_address.hpp>

namespace sallyport::firewall {
namespace {

// An IPv6 expectation with its master takes 300 bytes.
constexpr std::size_t max_expectation_message = 512;
constexpr std::size_t max_messages_per_change = 2;

// The parts of a connection's first packet that a query compares (the kernel's nf_internals.h): both addresses and the
// protocol.
constexpr std::uint32_t compares_addresses = 0b1011;

constexpr int expectations = NFNL_SUBSYS_CTNETLINK_EXP << 8;
constexpr int connections = NFNL_SUBSYS_CTNETLINK << 8;

nlmsghdr* start(void* at, int type, int flags, bool v4, std::uint32_t sequence) {
    auto* m = mnl_nlmsg_put_header(at);
    m->nlmsg_type = static_cast<std::uint16_t>(type);
    m->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    m->nlmsg_seq = sequence;
    auto* header = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(m, sizeof(nfgenmsg)));
    *header = {.nfgen_family = static_cast<std::uint8_t>(v4 ? AF_INET : AF_INET6), .version = NFNETLINK_V0, .res_id = 0};
    return m;
}

void put_address(nlmsghdr* m, bool source, const ip_address& a) {
    if (a.is_v4())
        mnl_attr_put(m, source ? CTA_IP_V4_SRC : CTA_IP_V4_DST, 4, a.bytes().data());
    else
        mnl_attr_put(m, source ? CTA_IP_V6_SRC : CTA_IP_V6_DST, 16, a.bytes().data());
}

void put_flow(nlmsghdr* m, std::uint16_t attribute, const flow& f) {
    auto* tuple = mnl_attr_nest_start(m, attribute);
    auto* addresses = mnl_attr_nest_start(m, CTA_TUPLE_IP);
    put_address(m, true, f.source.address);
    put_address(m, false, f.destination.address);
    mnl_attr_nest_end(m, addresses);
    auto* ports = mnl_attr_nest_start(m, CTA_TUPLE_PROTO);
    mnl_attr_put_u8(m, CTA_PROTO_NUM, IPPROTO_TCP);
    mnl_attr_put_u16(m, CTA_PROTO_SRC_PORT, htons(f.source.port));
    mnl_attr_put_u16(m, CTA_PROTO_DST_PORT, htons(f.destination.port));
    mnl_attr_nest_end(m, ports);
    mnl_attr_nest_end(m, tuple);
}

[[nodiscard]] flow expected_flow(const expectation& e) { return {{e.source, 0}, e.destination}; }

/// All bits of the addresses and of the destination port.
[[nodiscard]] flow whole_mask(bool v4) {
    std::array<std::uint8_t, 16> ones;
    ones.fill(0xff);
    const auto address = v4 ? ip_address::v4({0xff, 0xff, 0xff, 0xff}) : ip_address::v6(ones);
    return {{address, 0}, {address, 0xffff}};
}

void put_expectation(nlmsghdr* m, const expectation& e) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(e.lifetime).count();
    put_flow(m, CTA_EXPECT_MASTER, e.master);
    put_flow(m, CTA_EXPECT_TUPLE, expected_flow(e));
    put_flow(m, CTA_EXPECT_MASK, whole_mask(e.source.is_v4()));
    mnl_attr_put_u32(m, CTA_EXPECT_TIMEOUT, htonl(static_cast<std::uint32_t>(seconds)));
    mnl_attr_put_u32(m, CTA_EXPECT_FLAGS, htonl(NF_CT_EXPECT_PERMANENT));
}

/// The attributes of a message or of a nested attribute, by number.
template <std::size_t Count>
class attributes {
public:
    explicit attributes(const nlmsghdr* m) { mnl_attr_parse(m, sizeof(nfgenmsg), keep, this); }
    explicit attributes(const nlattr* nested) {
        if (nested != nullptr) mnl_attr_parse_nested(nested, keep, this);
    }
    [[nodiscard]] const nlattr* operator[](std::size_t number) const { return found_.at(number); }

private:
    static int keep(const nlattr* a, void* into) {
        const auto number = mnl_attr_get_type(a);
        if (number < Count) static_cast<attributes*>(into)->found_.at(number) = a;
        return MNL_CB_OK;
    }
    std::array<const nlattr*, Count> found_{};
};

[[nodiscard]] ip_address address_in(const attributes<CTA_IP_MAX + 1>& in, bool source) {
    if (const auto* v4 = in[source ? CTA_IP_V4_SRC : CTA_IP_V4_DST]; v4 != nullptr && mnl_attr_get_payload_len(v4) == 4) {
        std::array<std::uint8_t, 4> bytes{};
        std::memcpy(bytes.data(), mnl_attr_get_payload(v4), bytes.size());
        return ip_address::v4(bytes);
    }
    std::array<std::uint8_t, 16> bytes{};
    const auto* v6 = in[source ? CTA_IP_V6_SRC : CTA_IP_V6_DST];
    if (v6 != nullptr && mnl_attr_get_payload_len(v6) == bytes.size())
        std::memcpy(bytes.data(), mnl_attr_get_payload(v6), bytes.size());
    return ip_address::v6(bytes);
}

[[nodiscard]] flow flow_in(const nlattr* tuple) {
    const attributes<CTA_TUPLE_MAX + 1> parts(tuple);
    const attributes<CTA_IP_MAX + 1> addresses(parts[CTA_TUPLE_IP]);
    const attributes<CTA_PROTO_MAX + 1> ports(parts[CTA_TUPLE_PROTO]);
    const auto port = [&](std::size_t number) {
        return static_cast<std::uint16_t>(ports[number] != nullptr ? ntohs(mnl_attr_get_u16(ports[number])) : 0);
    };
    return {{address_in(addresses, true), port(CTA_PROTO_SRC_PORT)},
            {address_in(addresses, false), port(CTA_PROTO_DST_PORT)}};
}

[[nodiscard]] expectation expectation_in(const nlmsghdr* m) {
    const attributes<CTA_EXPECT_MAX + 1> parts(m);
    const auto expected = flow_in(parts[CTA_EXPECT_TUPLE]);
    const auto* life = parts[CTA_EXPECT_TIMEOUT];
    return {expected.source.address, expected.destination, flow_in(parts[CTA_EXPECT_MASTER]),
            std::chrono::seconds(life != nullptr ? ntohl(mnl_attr_get_u32(life)) : 0)};
}

[[nodiscard]] tracked_connection connection_in(const nlmsghdr* m) {
    const attributes<CTA_MAX + 1> parts(m);
    tracked_connection out{flow_in(parts[CTA_TUPLE_ORIG]), flow_in(parts[CTA_TUPLE_REPLY])};
    const attributes<CTA_HELP_MAX + 1> help(parts[CTA_HELP]);
    if (const auto* name = help[CTA_HELP_NAME]) out.helper = mnl_attr_get_str(name);
    if (const auto* id = parts[CTA_ID]) out.id = ntohl(mnl_attr_get_u32(id));
    if (const auto* mark = parts[CTA_MARK]) out.mark = ntohl(mnl_attr_get_u32(mark));
    if (const auto* status = parts[CTA_STATUS]) {
        const auto bits = ntohl(mnl_attr_get_u32(status));
        out.assured = (bits & IPS_ASSURED) != 0;
        out.offloaded = (bits & IPS_OFFLOAD) != 0;
    }
    if (const auto* left = parts[CTA_TIMEOUT]) out.expires_in = std::chrono::seconds(ntohl(mnl_attr_get_u32(left)));
    return out;
}

[[nodiscard]] std::size_t aligned_size(const nlmsghdr& m) { return (m.nlmsg_len + 3U) & ~std::size_t{3}; }

}  // namespace

flow flow::of_socket(int socket) { return {net::local_endpoint(socket), net::peer_endpoint(socket)}; }

result<conntrack> conntrack::open() {
    auto socket = open_nft_socket();
    if (!socket) return std::unexpected(std::move(socket).error());
    return conntrack(std::move(*socket));
}

// The first message about an expectation creates it with the lifetime that the helper defines; the second one sets the
// lifetime.
result<tracking_answers> conntrack::ask(std::span<const flow> questions, std::span<const expectation_change> changes) {
    tracking_answers out;
    out.found.resize(questions.size());
    out.refused.resize(changes.size());
    if (questions.empty() && changes.empty()) return out;
    const auto messages = questions.size() + max_messages_per_change * changes.size();
    const auto memory = std::make_unique_for_overwrite<char[]>(max_expectation_message * messages);
    std::size_t size = 0;
    const auto first = sequence_ + 1;
    const auto add = [&](int type, int flags, const flow& about) {
        return start(memory.get() + size, type, flags, about.source.address.is_v4(), sequence_);
    };
    for (const auto& connection : questions) {
        ++sequence_;
        auto* m = add(connections | IPCTNL_MSG_CT_GET, 0, connection);
        put_flow(m, CTA_TUPLE_ORIG, connection);
        size += aligned_size(*m);
    }
    for (const auto& [create, subject] : changes) {
        ++sequence_;
        const auto about = expected_flow(subject);
        if (!create) {
            auto* m = add(expectations | IPCTNL_MSG_EXP_DELETE, 0, about);
            put_flow(m, CTA_EXPECT_TUPLE, about);
            size += aligned_size(*m);
            continue;
        }
        for (const int flags : {NLM_F_CREATE | NLM_F_EXCL, 0}) {
            auto* m = add(expectations | IPCTNL_MSG_EXP_NEW, flags, about);
            put_expectation(m, subject);
            size += aligned_size(*m);
        }
    }
    if (mnl_socket_sendto(socket_.get(), memory.get(), size) < 0) return fail_os(errno, "connection tracking");
    const int failed_with = read_replies(*socket_, [&](const nlmsghdr* m) {
        const std::size_t index = m->nlmsg_seq - first;
        const int os = error_in(m);
        // The first error is the cause.
        if (index < questions.size()) {
            if (m->nlmsg_type == (connections | IPCTNL_MSG_CT_NEW)) out.found[index] = connection_in(m);
            if (out.refused_question == 0 && os != ENOENT) out.refused_question = os;
        } else if (const auto number = index - questions.size(); number < changes.size()) {
            if (out.refused[number] == 0 && (changes[number].create || os != ENOENT)) out.refused[number] = os;
        }
    });
    if (failed_with != 0) return fail_os(failed_with, "connection tracking");
    return out;
}

result<std::vector<int>> conntrack::commit(std::span<const expectation_change> changes) {
    auto answers = ask({}, changes);
    if (!answers) return std::unexpected(std::move(answers).error());
    return std::move(answers->refused);
}

result<void> conntrack::remove_all(const char* helper) {
    for (const bool v4 : {true, false}) {
        alignas(nlmsghdr) std::array<char, max_expectation_message> buffer{};
        auto* m = start(buffer.data(), expectations | IPCTNL_MSG_EXP_DELETE, 0, v4, ++sequence_);
        mnl_attr_put_strz(m, CTA_EXPECT_HELP_NAME, helper);
        const int os = exchange(*socket_, m, [](const nlmsghdr*) {});
        if (os != 0 && os != ENOENT) return fail_os(os, "connection tracking");
    }
    return {};
}

result<std::vector<expectation>> conntrack::list() {
    std::vector<expectation> out;
    alignas(nlmsghdr) std::array<char, max_expectation_message> buffer{};
    auto* m = start(buffer.data(), expectations | IPCTNL_MSG_EXP_GET, NLM_F_DUMP, true, ++sequence_);
    static_cast<nfgenmsg*>(mnl_nlmsg_get_payload(m))->nfgen_family = AF_UNSPEC;
    const int os = exchange(*socket_, m, [&](const nlmsghdr* r) {
        if (r->nlmsg_type == (expectations | IPCTNL_MSG_EXP_NEW)) out.push_back(expectation_in(r));
    });
    if (os != 0) return fail_os(os, "connection tracking");
    return out;
}

result<std::optional<tracked_connection>> conntrack::find(const flow& connection) {
    auto answers = ask({&connection, 1}, {});
    if (!answers) return std::unexpected(std::move(answers).error());
    if (answers->refused_question != 0) return fail_os(answers->refused_question, "connection tracking");
    return std::move(answers->found.front());
}

result<std::vector<tracked_connection>> conntrack::between(const ip_address& source, const ip_address& destination) {
    std::vector<tracked_connection> out;
    alignas(nlmsghdr) std::array<char, max_expectation_message> buffer{};
    auto* m = start(buffer.data(), connections | IPCTNL_MSG_CT_GET, NLM_F_DUMP, source.is_v4(), ++sequence_);
    put_flow(m, CTA_TUPLE_ORIG, {{source, 0}, {destination, 0}});
    auto* filter = mnl_attr_nest_start(m, CTA_FILTER);
    mnl_attr_put_u32(m, CTA_FILTER_ORIG_FLAGS, compares_addresses);
    mnl_attr_put_u32(m, CTA_FILTER_REPLY_FLAGS, 0);
    mnl_attr_nest_end(m, filter);
    const int os = exchange(*socket_, m, [&](const nlmsghdr* r) {
        if (r->nlmsg_type == (connections | IPCTNL_MSG_CT_NEW)) out.push_back(connection_in(r));
    });
    if (os != 0) return fail_os(os, "connection tracking");
    return out;
}

error refused_expectation(int os, const expectation& wanted) {
    const auto to = fmt::format("the kernel does not expect a connection from {} to {}", wanted.source.text(),
                                wanted.destination.text());
    const auto master = fmt::format("the control connection with {}", wanted.master.destination.text());
    switch (os) {
        case EMFILE:
            return {errc::exhausted, no_expectation_left,
                    to + ", since its table of expectations is full; raise net.netfilter.nf_conntrack_expect_max"};
        case EOPNOTSUPP:
            return {
                errc::unsupported, os,
                fmt::format("{}, since {} has no conntrack helper: it is older than this gateway's rules, or a rule for raw "
                            "packets (notrack, CT) applies to it; exempt control connections from that rule",
                            to, master)};
        case ENOENT:
            return {errc::not_found, os,
                    fmt::format(
                        "{}, since {} is not tracked: its entry was deleted (conntrack -F), or a notrack rule applies to "
                        "it; exempt control connections from that rule",
                        to, master)};
        case EEXIST:
        case EBUSY:
        case EALREADY:
            return {errc::busy, os,
                    to + ", since another expectation for it exists; `conntrack -L expect` shows it, and another program or "
                         "helper has created it"};
        default: return {from_errno(os), os, to};
    }
}

}  // namespace sallyport::firewall
