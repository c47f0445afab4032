#include <sallyport/firewall/nft_table.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <sallyport/firewall/nft_rule.hpp>
#include <sallyport/firewall/nft_rules.hpp>

namespace sallyport::firewall {
namespace {

/// The key or value of an element: each part begins at a 32-bit word, in network byte order.
class element {
public:
    element& operator<<(const ip_address& a) {
        const std::size_t size = a.is_v4() ? 4 : 16;
        std::memcpy(&bytes_.at(size_), a.bytes().data(), size);
        size_ += size;
        return *this;
    }
    element& operator<<(std::uint16_t port) {
        const auto in_order = htons(port);
        std::memcpy(&bytes_.at(size_), &in_order, sizeof in_order);
        size_ += 4;
        return *this;
    }
    [[nodiscard]] const void* data() const noexcept { return bytes_.data(); }
    [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(size_); }

private:
    std::array<char, 40> bytes_{};
    std::size_t size_ = 0;
};

[[nodiscard]] element key_of(const opening& o) {
    element out;
    out << o.client << o.listen.address << o.listen.port;
    return out;
}

[[nodiscard]] std::pair<ip_address, endpoint> key_pair(const opening& o) { return {o.client, o.listen}; }

/// A set or map with one element, for a message about that element.
[[nodiscard]] set_owner with_element(const std::string& table, const char* set, const element& wanted) {
    set_owner out(nftnl_set_alloc());
    nftnl_set_set_str(out.get(), NFTNL_SET_TABLE, table.c_str());
    nftnl_set_set_str(out.get(), NFTNL_SET_NAME, set);
    auto* e = nftnl_set_elem_alloc();
    nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, wanted.data(), wanted.size());
    nftnl_set_elem_add(out.get(), e);
    return out;
}

[[nodiscard]] nftnl_set_elem* only_element(const set_owner& in) {
    nftnl_set_elem* out = nullptr;
    nftnl_set_elem_foreach(
        in.get(),
        [](nftnl_set_elem* e, void* into) {
            *static_cast<nftnl_set_elem**>(into) = e;
            return 0;
        },
        &out);
    return out;
}

[[nodiscard]] set_owner with_value(const std::string& table, const char* map, const opening& o, const element& value) {
    auto out = with_element(table, map, key_of(o));
    nftnl_set_elem_set(only_element(out), NFTNL_SET_ELEM_DATA, value.data(), value.size());
    return out;
}

[[nodiscard]] set_owner with_target(const std::string& table, const opening& o) {
    element target;
    target << o.forward_to.address << o.forward_to.port;
    return with_value(table, names_of(o.client.is_v4()).expected, o, target);
}

/// The element of "expected", with the opening's lifetime as its timeout.
[[nodiscard]] set_owner expected_element(const std::string& table, const opening& o) {
    auto out = with_target(table, o);
    nftnl_set_elem_set_u64(only_element(out), NFTNL_SET_ELEM_TIMEOUT, static_cast<std::uint64_t>(o.lifetime.count()));
    return out;
}

/// The element of "source", for the first SYN.
[[nodiscard]] set_owner source_element(const std::string& table, const opening& o, std::uint16_t port) {
    element source;
    source << o.source << port;
    auto out = with_value(table, names_of(o.client.is_v4()).source, o, source);
    nftnl_set_elem_add_expr(only_element(out), single_use_limit());
    return out;
}

/// The element of "opened", with a counter of forwarded SYNs.
[[nodiscard]] set_owner opened_element(const std::string& table, const opening& o) {
    element source;
    source << o.source;
    auto out = with_value(table, names_of(o.client.is_v4()).opened, o, source);
    nftnl_set_elem_add_expr(only_element(out), nftnl_expr_alloc("counter"));
    return out;
}

/// The number of packets that matched an element, from its counter.
[[nodiscard]] std::uint64_t uses(nftnl_set_elem* e) {
    std::uint64_t out = 0;
    nftnl_set_elem_expr_foreach(
        e,
        [](nftnl_expr* x, void* into) {
            if (std::string_view(nftnl_expr_get_str(x, NFTNL_EXPR_NAME)) == "counter")
                *static_cast<std::uint64_t*>(into) = nftnl_expr_get_u64(x, NFTNL_EXPR_CTR_PACKETS);
            return 0;
        },
        &out);
    return out;
}

void add_message(nft_transaction& to, std::uint16_t type, std::uint16_t flags, const set_owner& about) {
    auto* m = to.start_message(type, flags);
    nftnl_set_elems_nlmsg_build_payload(m, about.get());
    to.finish_message();
}

[[nodiscard]] error unusable(const error& reason) {
    std::string_view next = "check that the kernel supports nf_tables with NAT";
    if (reason.os == EPERM || reason.os == EACCES)
        next = "run as root, or grant this process CAP_NET_ADMIN (AmbientCapabilities= in a systemd unit)";
    else if (reason.os == EOPNOTSUPP || reason.os == ENOENT || reason.os == EPROTONOSUPPORT || reason.os == EAFNOSUPPORT)
        next = "kernel 5.12 or later with nf_tables and NAT (modules nf_tables, nft_chain_nat, nft_nat) is required";
    return {reason.code, reason.os, fmt::format("the kernel's NAT cannot be used ({}); {}", reason.what, next)};
}

}  // namespace

nft_table::nft_table(std::string name, netlink_socket owner, netlink_socket query_socket, conntrack tracking,
                     conntrack watching, std::string missing)
    : name_(std::move(name)),
      missing_(std::move(missing)),
      owner_(std::move(owner)),
      tracking_(std::move(tracking)),
      watch_(std::move(watching)),
      query_socket_(std::move(query_socket)) {}

nft_table::~nft_table() {
    std::vector<expectation_change> all;
    for (const auto& [client, listen] : expected_) all.push_back({false, {client, listen}});
    (void)tracking_.commit(all);
}

result<std::unique_ptr<nft_table>> nft_table::make(std::span<const std::uint16_t> control_ports) {
    auto owner = open_nft_socket();
    if (!owner) return std::unexpected(unusable(owner.error()));
    auto query_socket = open_nft_socket();
    if (!query_socket) return std::unexpected(unusable(query_socket.error()));
    auto tracking = conntrack::open();
    if (!tracking) return std::unexpected(unusable(tracking.error()));
    auto watching = conntrack::open();
    if (!watching) return std::unexpected(unusable(watching.error()));
    auto name = unique_table_name();
    const auto add = [&](std::span<const std::uint16_t> ports) {
        nft_transaction all;
        add_openings_table(all, name, ports);
        return all.commit(**owner);
    };
    auto made = add(control_ports);
    std::string missing;
    if (!made && !control_ports.empty() && made.error().os != EPERM) {
        missing = fmt::format("the kernel refuses the conntrack helper \"{}\" (module nf_conntrack_{}, {})", control_helper,
                              control_helper, made.error().text());
        made = add({});
    }
    if (!made) return std::unexpected(unusable(made.error()));
    return std::unique_ptr<nft_table>(new nft_table(std::move(name), std::move(*owner), std::move(*query_socket),
                                                    std::move(*tracking), std::move(*watching), std::move(missing)));
}

/// What a commit asks of connection tracking.
struct nft_table::tracking_request {
    // The control connections of each change that opens: the client's, then the backend's if there is one.
    std::vector<flow> masters{};
    std::vector<expectation_change> expectations{};
    // For each of them: it must be possible.
    std::vector<bool> needed{};
};

result<void> nft_table::commit(std::span<const change> changes) {
    const auto request = request_for(changes);
    const auto answers = tracking_.ask(request.masters, request.expectations);
    if (!answers) {
        withdraw(request.expectations);
        return std::unexpected(answers.error());
    }
    std::vector<expectation_change> created;
    auto done = note_expectations(request, answers->refused, created);
    const auto sessions = sessions_of(changes, *answers);
    if (!sessions) done = std::unexpected(sessions.error());
    if (done) done = commit_elements(changes);
    if (!done) {
        withdraw(created);
        return done;
    }
    for (std::size_t i = 0; i < changes.size(); ++i) {
        const auto& [kind, subject, control] = changes[i];
        if (kind == change_kind::close) watch_.remove(subject);
        if (const auto& session = sessions->at(i)) watch_.add(subject, *session);
    }
    return done;
}

nft_table::tracking_request nft_table::request_for(std::span<const change> changes) {
    tracking_request out;
    for (const auto& [kind, subject, control] : changes) {
        const bool create = kind == change_kind::open;
        if (create && !control.client) continue;
        const auto master = create ? flow::of_socket(control.client.get()) : flow();
        if (create) out.masters.push_back(master);
        if (create && control.backend) out.masters.push_back(flow::of_socket(control.backend.get()));
        if (create ? !missing_.empty() : expected_.erase(key_pair(subject)) == 0) continue;
        out.expectations.push_back({create, {subject.client, subject.listen, master, subject.lifetime}});
        out.needed.push_back(subject.needs_expectation);
    }
    return out;
}

// With the kernel's FTP helper, the expectation was created too, and would soon be replaced by one of that helper.
result<std::vector<std::optional<watched_session>>> nft_table::sessions_of(std::span<const change> changes,
                                                                           const tracking_answers& answers) {
    if (answers.refused_question != 0) return fail_os(answers.refused_question, "connection tracking");
    std::vector<std::optional<watched_session>> out(changes.size());
    auto next = answers.found.begin();
    for (std::size_t i = 0; i < changes.size(); ++i) {
        const auto& [kind, subject, control] = changes[i];
        if (kind == change_kind::close || !control.client) continue;
        watched_session session{.client = flow::of_socket(control.client.get()), .backend = {}};
        if (const auto& tracked = *next++) {
            const auto& helper = tracked->helper;
            if (!helper.empty() && helper != control_helper)
                return fail(errc::busy,
                            fmt::format("another rule has assigned the conntrack helper \"{}\" to the control connection "
                                        "with {}, and both would act on it; `sallyport gate adopt` finds that rule",
                                        helper, session.client.destination.text()));
            session.client_entry = tracked->id;
        }
        if (control.backend) {
            session.backend = flow::of_socket(control.backend.get());
            if (const auto& other = *next++) session.backend_entry = other->id;
        }
        out[i] = session;
    }
    return out;
}

/// `created`: those that were, also if another one is refused that is needed.
result<void> nft_table::note_expectations(const tracking_request& request, std::vector<int> refused,
                                          std::vector<expectation_change>& created) {
    const auto& wanted = request.expectations;
    if (std::ranges::find(refused, EMFILE) != refused.end() && remove_used_expectations()) {
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            if (refused[i] != EMFILE) continue;
            const auto again = tracking_.commit({&wanted[i], 1});
            refused[i] = again ? again->front() : again.error().os;
        }
    }
    result<void> out;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const auto& [create, subject] = wanted[i];
        if (!create) continue;
        if (refused[i] == 0) {
            expected_.emplace(subject.source, subject.destination);
            created.push_back(wanted[i]);
        } else if (out && (refused[i] != EMFILE || request.needed[i])) {
            out = std::unexpected(refused_expectation(refused[i], subject));
        }
    }
    return out;
}

void nft_table::withdraw(std::span<const expectation_change> created) {
    std::vector<expectation_change> unwanted;
    for (const auto& [create, subject] : created) {
        if (!create) continue;
        expected_.erase({subject.source, subject.destination});
        unwanted.push_back({false, subject});
    }
    (void)tracking_.commit(unwanted);
}

/// Removes those whose connection is established, which are no longer needed. False if there are none.
bool nft_table::remove_used_expectations() {
    std::vector<expectation_change> used;
    for (const auto& [client, listen] : expected_) {
        const opening o{client, listen, listen, client};
        if (contains(names_of(client.is_v4()).spent, o) == true) used.push_back({false, {client, listen}});
    }
    for (const auto& c : used) expected_.erase({c.subject.source, c.subject.destination});
    return !used.empty() && tracking_.commit(used);
}

// Removing an element that does not exist is an error. An expired element may be gone already, and an unused opening is not
// in "spent"; so both elements are added first, which has no effect if they exist.
result<void> nft_table::commit_elements(std::span<const change> changes) {
    nft_transaction all;
    for (const auto& [kind, subject, control] : changes) {
        const auto maps = names_of(subject.client.is_v4());
        if (kind == change_kind::open) {
            constexpr auto fresh = NLM_F_CREATE | NLM_F_EXCL;
            if (subject.keeps_source())
                add_message(all, NFT_MSG_NEWSETELEM, fresh, with_element(name_, maps.kept, key_of(subject)));
            else
                add_message(all, NFT_MSG_NEWSETELEM, fresh, source_element(name_, subject, ports_.next(subject.forward_to)));
            add_message(all, NFT_MSG_NEWSETELEM, fresh, opened_element(name_, subject));
            add_message(all, NFT_MSG_NEWSETELEM, fresh, expected_element(name_, subject));
        } else {
            add_message(all, NFT_MSG_NEWSETELEM, NLM_F_CREATE, with_target(name_, subject));
            add_message(all, NFT_MSG_NEWSETELEM, NLM_F_CREATE, with_element(name_, maps.spent, key_of(subject)));
            for (const auto* map :
                 {maps.expected, subject.keeps_source() ? maps.kept : maps.source, maps.opened, maps.spent})
                add_message(all, NFT_MSG_DELSETELEM, 0, with_element(name_, map, key_of(subject)));
        }
    }
    auto done = all.commit(*owner_);
    if (done) return done;
    auto reason = std::move(done).error();
    reason.what =
        fmt::format("{} refused {} openings, first: {}", reason.what, changes.size(), changes.front().subject.text());
    return std::unexpected(std::move(reason));
}

/// Queries the element of this opening; the set has no element if there is none. Nothing: the query failed.
std::optional<set_owner> nft_table::find(const char* set, const opening& o) {
    const auto query = with_element(name_, set, key_of(o));
    set_owner result_set(nftnl_set_alloc());
    std::array<char, 4096> buffer;
    const std::scoped_lock lock(mutex_);
    auto* m = nftnl_nlmsg_build_hdr(buffer.data(), NFT_MSG_GETSETELEM, NFPROTO_INET, 0, ++sequence_);
    nftnl_set_elems_nlmsg_build_payload(m, query.get());
    bool parsed = false;
    const int os = exchange(*query_socket_, m, [&](const nlmsghdr* reply) {
        parsed = nftnl_set_elems_nlmsg_parse(reply, result_set.get()) >= 0;
    });
    if (os == ENOENT || (os == 0 && parsed)) return result_set;
    return std::nullopt;
}

std::optional<bool> nft_table::contains(const char* set, const opening& o) {
    const auto found = find(set, o);
    if (!found) return std::nullopt;
    return only_element(*found) != nullptr;
}

std::optional<std::chrono::milliseconds> nft_table::remaining(const opening& o) {
    const auto maps = names_of(o.client.is_v4());
    const auto expected = find(maps.expected, o);
    auto* e = expected ? only_element(*expected) : nullptr;
    if (e == nullptr || contains(maps.spent, o) == true) return std::nullopt;
    return std::chrono::milliseconds(nftnl_set_elem_get_u64(e, NFTNL_SET_ELEM_EXPIRATION));
}

opening_use nft_table::use_of(const opening& o) {
    const auto maps = names_of(o.client.is_v4());
    const auto spent = contains(maps.spent, o);
    if (!spent) return opening_use::unknown;
    if (*spent) return watch_.state_of(o);
    const auto opened = find(maps.opened, o);
    if (!opened) return opening_use::unknown;
    auto* e = only_element(*opened);
    return e != nullptr && uses(e) > 0 ? opening_use::attempted : opening_use::none;
}

}  // namespace sallyport::firewall
