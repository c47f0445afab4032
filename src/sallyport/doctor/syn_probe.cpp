#include <sallyport/doctor/syn_probe.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

// The kernel's header after the C library's: both define in_addr otherwise.
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <linux/errqueue.h>
#include <poll.h>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/doctor/socket_probe.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::doctor {

namespace {

using diagnosis::hop_answer;
using diagnosis::ttl_answer;
using steady = std::chrono::steady_clock;

constexpr std::uint8_t icmpv6_unreachable = 1;
constexpr std::uint8_t icmpv6_time_exceeded = 3;

struct syn_options {
    std::optional<unsigned> ttl;
    std::optional<unsigned> min_reply_ttl;
};

struct pending_syn {
    unique_fd socket;
    ttl_answer answer;
    bool finished = false;
    // Why this computer could not send the SYN; 0 if it could.
    int failure = 0;
};

/// No device on the path has said anything: the failure is this computer's own.
void fail_locally(pending_syn& syn, int os) {
    syn.failure = os != 0 ? os : EIO;
    syn.finished = true;
}

/// What an error of connect() says about the path; nothing if it is a failure of this computer. A route of type "prohibit"
/// gives EACCES.
std::optional<hop_answer> answer_of(int os) {
    switch (os) {
        case ECONNREFUSED: return hop_answer::refused;
        case EHOSTUNREACH:
        case ENETUNREACH:
        case EACCES: return hop_answer::unreachable;
        case ETIMEDOUT: return hop_answer::none;
        default: return std::nullopt;
    }
}

unique_fd open_socket(const syn_target& target, const syn_options& options) {
    const bool v4 = target.to.address.is_v4();
    unique_fd fd(::socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return fd;
    report_icmp_errors(fd.get(), v4);
    net::set_option(fd.get(), IPPROTO_TCP, TCP_SYNCNT, 1);
    if (options.ttl) set_ttl(fd.get(), v4, *options.ttl);
    if (options.min_reply_ttl)
        net::set_option(fd.get(), v4 ? static_cast<int>(IPPROTO_IP) : IPPROTO_IPV6, v4 ? IP_MINTTL : IPV6_MINHOPCOUNT,
                        static_cast<int>(*options.min_reply_ttl));
    // The server shall not take it for a data connection that has ended.
    close_with_reset(fd.get());
    if (target.from.is_v4() == v4 && !target.from.is_unspecified()) {
        const net::socket_address own({target.from, 0});
        if (::bind(fd.get(), own.data(), own.length()) != 0) {
            const int os = errno;
            fd.reset();
            // For the caller, after close().
            errno = os;
        }
    }
    return fd;
}

std::optional<ip_address> address_of(const sockaddr* from) {
    if (from->sa_family != AF_INET && from->sa_family != AF_INET6) return std::nullopt;
    const auto size = from->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    return net::socket_address(from, static_cast<socklen_t>(size)).value().address;
}

/// Reads one ICMP error from the socket's queue. False if there is none.
bool read_icmp(int socket, ttl_answer& into) {
    alignas(cmsghdr) std::array<char, 512> control{};
    std::array<char, 256> payload{};
    iovec part{payload.data(), payload.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return false;
    for (auto* each = CMSG_FIRSTHDR(&message); each != nullptr; each = CMSG_NXTHDR(&message, each)) {
        const bool v4 = each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_RECVERR;
        const bool v6 = each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_RECVERR;
        if (!v4 && !v6) continue;
        // The sender's address follows the error.
        struct {
            sock_extended_err error;
            sockaddr_in6 sender;
        } report{};
        std::memcpy(&report, CMSG_DATA(each), std::min<std::size_t>(sizeof(report), each->cmsg_len - CMSG_LEN(0)));
        if (report.error.ee_origin != SO_EE_ORIGIN_ICMP && report.error.ee_origin != SO_EE_ORIGIN_ICMP6) continue;
        const bool expired = report.error.ee_type == (v4 ? ICMP_TIME_EXCEEDED : icmpv6_time_exceeded);
        const bool unreachable = report.error.ee_type == (v4 ? ICMP_DEST_UNREACH : icmpv6_unreachable);
        if (!expired && !unreachable) continue;
        into.what = expired ? hop_answer::expired : hop_answer::unreachable;
        into.icmp_type = report.error.ee_type;
        into.icmp_code = report.error.ee_code;
        into.from = address_of(reinterpret_cast<const sockaddr*>(&report.sender));
        return true;
    }
    return false;
}

void read_answer(pending_syn& syn, int events) {
    if (read_icmp(syn.socket.get(), syn.answer)) {
        syn.finished = true;
        return;
    }
    const int os = net::socket_option(syn.socket.get(), SO_ERROR);
    if (os != 0) {
        const auto answer = answer_of(os);
        if (!answer) return fail_locally(syn, os);
        syn.answer.what = *answer;
        syn.finished = true;
    } else if ((events & (POLLERR | POLLHUP)) == 0) {
        syn.answer.what = hop_answer::opened;
        syn.finished = true;
    } else if ((events & POLLHUP) != 0) {
        syn.finished = true;
    }
    // An ICMP message that says nothing about the path: the answer may still arrive.
}

void start(pending_syn& syn, const syn_target& target, const syn_options& options) {
    syn.socket = open_socket(target, options);
    if (!syn.socket) return fail_locally(syn, errno);
    const net::socket_address to(target.to);
    if (::connect(syn.socket.get(), to.data(), to.length()) == 0) {
        syn.answer.what = hop_answer::opened;
        syn.finished = true;
    } else if (const int os = errno; os != EINPROGRESS) {
        const auto answer = answer_of(os);
        if (!answer) return fail_locally(syn, os);
        syn.answer.what = *answer;
        syn.finished = true;
    }
}

/// Until all have finished, or the time has passed.
void wait_for(std::vector<pending_syn>& all, std::chrono::milliseconds wait) {
    const auto until = steady::now() + wait;
    for (;;) {
        std::vector<pollfd> polled;
        std::vector<pending_syn*> waiting;
        for (auto& each : all) {
            if (each.finished) continue;
            polled.push_back({each.socket.get(), POLLOUT, 0});
            waiting.push_back(&each);
        }
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - steady::now()).count();
        if (polled.empty() || left <= 0) return;
        if (::poll(polled.data(), polled.size(), static_cast<int>(left)) < 0 && errno != EINTR) {
            const int os = errno;
            for (auto* const each : waiting) fail_locally(*each, os);
            return;
        }
        for (std::size_t i = 0; i < polled.size(); ++i)
            if (polled[i].revents != 0) read_answer(*waiting[i], polled[i].revents);
    }
}

/// Nothing if this computer could not send the SYN.
std::optional<bool> is_refused(const syn_target& target, unsigned min_reply_ttl) {
    std::vector<pending_syn> one(1);
    start(one.front(), target, {std::nullopt, min_reply_ttl});
    wait_for(one, target.wait);
    if (one.front().failure != 0) return std::nullopt;
    return one.front().answer.what == hop_answer::refused;
}

}  // namespace

result<std::vector<ttl_answer>> send_syns(ip_address from, std::chrono::milliseconds wait,
                                          std::span<const limited_syn> syns) {
    std::vector<pending_syn> all(syns.size());
    for (std::size_t i = 0; i < syns.size(); ++i) {
        all[i].answer.ttl = syns[i].ttl;
        start(all[i], {syns[i].to, from, wait}, {syns[i].ttl, std::nullopt});
    }
    wait_for(all, wait);
    std::vector<ttl_answer> out;
    out.reserve(all.size());
    for (const auto& each : all) {
        if (each.failure != 0) return fail_os(each.failure, "this computer could not send a SYN");
        out.push_back(each.answer);
    }
    return out;
}

std::optional<unsigned> ttl_of_refusal(const syn_target& target) {
    unsigned accepted = 1;
    unsigned ignored = 256;
    if (!is_refused(target, accepted).value_or(false)) return std::nullopt;
    while (ignored - accepted > 1) {
        const auto middle = (accepted + ignored) / 2;
        const auto refused = is_refused(target, middle);
        if (!refused) return std::nullopt;
        (*refused ? accepted : ignored) = middle;
    }
    return accepted;
}

}  // namespace sallyport::doctor
