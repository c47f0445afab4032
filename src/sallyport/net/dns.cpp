#include <sallyport/net/dns.hpp>

#include <algorithm>
#include <array>
#include <new>
#include <span>
#include <utility>

// c-ares 1.34 deprecates functions that are the only ones in Debian 12 (1.18), but still has them.
#define CARES_NO_DEPRECATED 1
#include <ares.h>
#include <arpa/nameser.h>
#include <fmt/format.h>
#include <sys/epoll.h>

#include <sallyport/net/descriptor.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::net {
namespace {

constexpr int milliseconds_per_try = 2000;
constexpr int tries = 2;

/// One query to the system's name servers or to a given one. c-ares opens and closes the sockets; they are registered with
/// an epoll instance, so that the loop waits for one descriptor. Loop thread only.
class dns_query {
public:
    explicit dns_query(loop& l) : sockets_(l, unique_fd(::epoll_create1(EPOLL_CLOEXEC))) {}
    ~dns_query() {
        // Calls on_answer() if there was no answer.
        if (channel_ != nullptr) ::ares_destroy(channel_);
    }
    dns_query(const dns_query&) = delete;
    dns_query& operator=(const dns_query&) = delete;

    /// Reads resolv.conf, a small file that is usually cached.
    result<void> open(const std::optional<endpoint>& server) {
        ares_options options{};
        options.flags = ARES_FLAG_NOALIASES;
        options.timeout = milliseconds_per_try;
        options.tries = tries;
        options.sock_state_cb = &dns_query::on_socket_state;
        options.sock_state_cb_data = this;
        int status = sockets_
                         ? ::ares_init_options(&channel_, &options,
                                               ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB)
                         : int{ARES_ENOMEM};
        if (status != ARES_SUCCESS)
            return fail(errc::unresolved, fmt::format("the resolver is not usable: {}", ::ares_strerror(status)));
        if (!server) return {};
        status = ::ares_set_servers_ports_csv(channel_, server->text().c_str());
        if (status == ARES_SUCCESS) return {};
        return fail(errc::unresolved,
                    fmt::format("{} is not usable as a name server: {}", server->text(), ::ares_strerror(status)));
    }

    void send(const std::string& name, ns_type type) {
        ::ares_query(channel_, name.c_str(), ns_c_in, type, &dns_query::on_answer, this);
    }

    /// Does everything that is possible without waiting.
    void work() {
        std::array<epoll_event, 8> ready;
        for (;;) {
            const int count = ::epoll_wait(sockets_.get(), ready.data(), int{ready.size()}, 0);
            if (count <= 0) break;
            for (const auto& each : std::span(ready).first(static_cast<std::size_t>(count))) {
                const bool readable = (each.events & ~std::uint32_t{EPOLLOUT}) != 0;
                const bool writable = (each.events & EPOLLOUT) != 0;
                ::ares_process_fd(channel_, readable ? each.data.fd : ARES_SOCKET_BAD,
                                  writable ? each.data.fd : ARES_SOCKET_BAD);
            }
        }
        // Handles tries that have timed out.
        ::ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    }

    /// Waits until work() should be called again.
    task<wait_result> wait(deadline until) {
        timeval remaining{};
        if (::ares_timeout(channel_, nullptr, &remaining) != nullptr)
            until = std::min(
                until, clock::now() + std::chrono::seconds(remaining.tv_sec) + std::chrono::microseconds(remaining.tv_usec));
        return sockets_.readable(until);
    }

    [[nodiscard]] bool answered() const noexcept { return answered_; }
    /// The message, empty if the name has no such records. REQUIRES: answered()
    [[nodiscard]] result<std::string> answer() {
        if (status_ == ARES_ENODATA) return {};
        if (status_ == ARES_SUCCESS) return std::move(message_);
        return fail(status_ == ARES_EBADRESP ? errc::syntax : errc::unresolved, ::ares_strerror(status_));
    }

private:
    static void on_answer(void* self, int status, int, unsigned char* message, int size) {
        auto& q = *static_cast<dns_query*>(self);
        q.answered_ = true;
        q.status_ = status;
        // An exception must not pass through c-ares.
        try {
            if (message != nullptr)
                q.message_.assign(reinterpret_cast<const char*>(message), static_cast<std::size_t>(size));
        } catch (const std::bad_alloc&) {
            q.status_ = ARES_ENOMEM;
        }
    }

    static void on_socket_state(void* self, ares_socket_t socket, int readable, int writable) {
        const int sockets = static_cast<dns_query*>(self)->sockets_.get();
        epoll_event wanted{};
        wanted.data.fd = socket;
        wanted.events = (readable != 0 ? std::uint32_t{EPOLLIN} : 0U) | (writable != 0 ? std::uint32_t{EPOLLOUT} : 0U);
        if (wanted.events == 0)
            ::epoll_ctl(sockets, EPOLL_CTL_DEL, socket, &wanted);
        else if (::epoll_ctl(sockets, EPOLL_CTL_MOD, socket, &wanted) != 0)
            ::epoll_ctl(sockets, EPOLL_CTL_ADD, socket, &wanted);
    }

    descriptor sockets_;
    ares_channel channel_ = nullptr;
    bool answered_ = false;
    int status_ = ARES_SUCCESS;
    std::string message_;
};

[[nodiscard]] std::unexpected<error> lookup_error(const std::string& name, const error& failure) {
    return std::unexpected(error{failure.code, 0, fmt::format("cannot look up \"{}\": {}", name, failure.what)});
}

task<result<std::string>> query(loop& l, std::string name, ns_type type, std::optional<endpoint> server, deadline until) {
    dns_query q(l);
    const auto opened = q.open(server);
    if (!opened) co_return lookup_error(name, opened.error());
    q.send(name, type);
    q.work();
    while (!q.answered() && clock::now() < until) {
        co_await q.wait(until);
        q.work();
    }
    if (!q.answered()) co_return fail(errc::timeout, fmt::format("cannot look up \"{}\": timed out", name));
    auto answer = q.answer();
    if (!answer) co_return lookup_error(name, answer.error());
    co_return answer;
}

}  // namespace

task<result<std::vector<srv_record>>> find_service(loop& l, std::string name, std::optional<endpoint> server,
                                                   time_limit limit) {
    const auto answer = co_await query(l, name, ns_t_srv, server, limit.next(clock::now()));
    if (!answer) co_return std::unexpected(answer.error());
    co_return parse_services(*answer, name);
}

task<result<std::vector<ip_address>>> find_addresses(loop& l, std::string name, std::optional<endpoint> server,
                                                     time_limit limit) {
    if (!server || ip_address::parse(name)) {
        auto found = co_await resolve(l, name, limit);
        if (found) std::ranges::sort(*found);
        co_return found;
    }
    const auto until = limit.next(clock::now());
    std::vector<ip_address> out;
    static constexpr std::array both{address_record::a, address_record::aaaa};
    for (const auto type : both) {
        // With the addresses of one family only, the backends of the other would be removed.
        const auto answer = co_await query(l, name, type == address_record::a ? ns_t_a : ns_t_aaaa, server, until);
        if (!answer) co_return std::unexpected(answer.error());
        const bool complete = parse_addresses(*answer, type, out);
        if (!complete) co_return malformed_answer(name);
    }
    if (out.empty()) co_return fail(errc::unresolved, fmt::format("cannot look up \"{}\": it has no address", name));
    std::ranges::sort(out);
    co_return out;
}

}  // namespace sallyport::net
